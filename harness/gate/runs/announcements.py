"""What is told before the first request: the price of looking again, and evaluations that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.decisions import share_of
from harness.decisions.looks import ADDED_LATER, ordinal
from harness.errors import some
from harness.gate.runs.run_settings import RunOptions
from harness.gate.sampling.ledger import Entry
from harness.store import Store

_ROUNDING = 1e-9
_TOLD = 5
"""Evaluations that are gone, each in a note of its own."""


def looks_in_words(entries: Mapping[str, Entry], level: float) -> list[str]:
    """The price of looking again, a line for each kind of new look; nothing for first looks, or for one gone on with.

    Args:
        level: the error rate of the gate.

    >>> looks_in_words({"a": Entry(look_at(2, 1, 1, because="samples 5 → 10")), "b": Entry(look_at(1, 1, 1))}, 0.05)[0]
    'a was weighed before for this candidate (samples 5 → 10). Its second look may be wrong 0.25 times in 100, not 4.5'
    """
    added: dict[float, list[str]] = {}
    plain: dict[str, list[str]] = {}
    again: dict[tuple[int, str, float], list[str]] = {}
    for identity, entry in entries.items():
        look, name, words = entry.look, identity.rpartition("::")[2], ""
        if entry.is_new and look.because == ADDED_LATER:
            added.setdefault(look.red_share, []).append(name)
        elif entry.is_new and look.number > 1:
            again.setdefault((look.number, look.because, look.share), []).append(name)
        elif entry.is_new:
            words = look.because
        if words := f"{entry.undecided} decides nothing" if entry.undecided else words:
            plain.setdefault(words, []).append(name)
    lines = [
        f"{_who(names)} {ADDED_LATER} for this candidate: red may be wrong {100 * level * red:.2g} times in 100"
        f"{'' if len(names) == 1 else ' for each'}"
        for red, names in sorted(added.items())
    ]
    lines += [f"{', '.join(names)}: {words}" for words, names in plain.items()]
    lines += [
        f"{_who(names)} weighed before for this candidate ({because}). {'Its' if len(names) == 1 else 'Their'} "
        f"{ordinal(number)} look may be wrong {100 * level * passing:.2g} times in 100, "
        f"not {100 * level * share_of(1):.2g}"
        for (number, because, passing), names in sorted(again.items())
    ]
    if over := sum(entry.spent > 1 + _ROUNDING for entry in entries.values()):
        lines.append(
            f"{over:,} {'evaluation was' if over == 1 else 'evaluations were'} looked at in two stores that were "
            "merged: their error rate was spent twice, and verdicts may be wrong more often than promised"
        )
    return lines


def _who(names: Sequence[str]) -> str:
    return f"{names[0]} was" if len(names) == 1 else f"{len(names):,} evaluations were"


def gone_notes(options: RunOptions, candidate: str, store: Store) -> tuple[str, ...]:
    """Tell of evaluations that are gone from the suite, and that the recorded baseline has, or that were not green in a
    gate of this candidate: else to delete one that is red makes a gate green without a trace.

    Args:
        candidate: its fingerprint.
    """
    recording, told = options.recording, dict[str, str]()
    recorded = {} if recording is None else recording.evaluations
    seen = (row.evaluation_id for row in store.looks.of_candidate(candidate))
    gone = list(filter(options.is_gone, dict.fromkeys([*recorded, *seen])))
    not_green = _not_green({*gone}, {*options.family}, candidate, store) if gone else {}
    for identity in gone:
        known = []
        if recording is not None and identity in recorded:
            n_cases = len(recorded[identity].cases)
            known.append(f"{recording.in_words} has {n_cases:,} case{'' if n_cases == 1 else 's'} of it")
        if identity in not_green:
            known.append(f"a gate of this candidate had it, {not_green[identity]}")
        if known:
            told[identity] = f"{identity} is not in the suite any more: {'; '.join(known)}"
    more = list(told)[_TOLD:]
    others = f"{len(more):,} more that were recorded or not green are not in the suite any more: {some(more)}"
    return (*list(told.values())[:_TOLD], *((others,) if more else ()))


def _not_green(gone: set[str], own: set[str], candidate: str, store: Store) -> dict[str, str]:
    """What those that are gone came to in the newest gate of the candidate that had them, where that is not green.

    Args:
        own: the evaluations of this suite: a gate that had none of them was of another project with the same store.
    """
    found: dict[str, tuple[str, str]] = {}
    for run in reversed(store.runs()):
        version = run.spec.get("candidate") or {}
        looks = version.get("draws", {}).keys() if version.get("fingerprint") == candidate else set()
        missing = gone & looks - found.keys() if run.finished and looks & own else set()
        if missing:
            entries = (store.report(run.run_id) or {}).get("evaluations", ())
            found |= {each["id"]: (each["verdict"], run.run_id) for each in entries if each["id"] in missing}
    return {name: f"{verdict} in run {run_id}" for name, (verdict, run_id) in found.items() if verdict != "passed"}
