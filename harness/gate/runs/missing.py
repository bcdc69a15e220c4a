"""Tells of evaluations that are gone from a suite; not among the other notes, as it reads what a run is asked for."""

from __future__ import annotations

from harness.errors import some
from harness.gate.runs.run import RunOptions
from harness.store import Store

_MOST_NOTES = 5
"""Evaluations that are gone, each in a note of its own."""


def missing_notes(options: RunOptions, candidate: str, store: Store) -> tuple[str, ...]:
    """Tell of evaluations that are gone from the suite, and that the recorded baseline has, or that were not green in a
    gate of this candidate: else to delete one that is red makes a gate green without a trace.

    Args:
        candidate: its fingerprint.
    """
    recordings, notes = options.recordings.values(), dict[str, str]()
    recorded = [name for each in recordings for name in each.evaluations]
    seen = (row.evaluation_id for row in store.looks.of_candidate(candidate))
    missing = list(filter(options.is_missing, dict.fromkeys([*recorded, *seen])))
    not_green = _not_green({*missing}, {*options.family}, candidate, store) if missing else {}
    for identity in missing:
        known = []
        for each in recordings:
            if identity in each.evaluations:
                n_cases = len(each.evaluations[identity].cases)
                known.append(f"{each.in_words} has {n_cases:,} case{'' if n_cases == 1 else 's'} of it")
        if identity in not_green:
            known.append(f"a gate of this candidate had it, {not_green[identity]}")
        if known:
            notes[identity] = f"{identity} is not in the suite any more: {'; '.join(known)}"
    more = list(notes)[_MOST_NOTES:]
    others = f"{len(more):,} more that were recorded or not green are not in the suite any more: {some(more)}"
    return (*list(notes.values())[:_MOST_NOTES], *((others,) if more else ()))


def _not_green(missing_ids: set[str], own: set[str], candidate: str, store: Store) -> dict[str, str]:
    """Return what those that are gone came to in the newest gate of the candidate that had them, where that is not
    green.

    Args:
        own: the evaluations of this suite: a gate that had none of them was of another project with the same store.
    """
    last_verdicts: dict[str, tuple[str, str]] = {}
    for run in reversed(store.gates()):
        version = run.spec.get("candidate") or {}
        looks = version.get("draws", {}).keys() if version.get("fingerprint") == candidate else set()
        missing = missing_ids & looks - last_verdicts.keys() if run.finished and looks & own else set()
        if missing:
            entries = (store.report(run.run_id) or {}).get("evaluations", ())
            last_verdicts |= {each["id"]: (each["verdict"], run.run_id) for each in entries if each["id"] in missing}
    return {
        name: f"{verdict} in run {run_id}" for name, (verdict, run_id) in last_verdicts.items() if verdict != "passed"
    }
