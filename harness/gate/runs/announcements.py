"""What is told before the first request: the price of looking again, and evaluations that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

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
    kinds: dict[tuple[int, str, float], list[str]] = {}
    for name, entry in entries.items():
        if entry.is_new and entry.look.number > 1:
            kinds.setdefault((entry.look.number, entry.look.because, entry.look.passing), []).append(name)
    lines = [*_added_later(entries, level), *_plainly(entries)]
    for (number, because, passing), names in sorted(kinds.items()):
        who = _who(names)
        were, its = ("was", "Its") if len(names) == 1 else ("were", "Their")
        lines.append(
            f"{who} {were} weighed before for this candidate ({because}). {its} {ordinal(number)} look may be wrong "
            f"{100 * level * passing:.2g} times in 100, not {100 * level * share_of(1):.2g}"
        )
    over = sum(entry.spent > 1 + _ROUNDING for entry in entries.values())
    if over:
        lines.append(
            f"{over:,} {'evaluation was' if over == 1 else 'evaluations were'} looked at in two stores that were "
            "merged: their error rate was spent twice, and verdicts may be wrong more often than promised"
        )
    return lines


def _who(names: Sequence[str]) -> str:
    return names[0].rpartition("::")[2] if len(names) == 1 else f"{len(names):,} evaluations"


def _plainly(entries: Mapping[str, Entry]) -> list[str]:
    """The first looks that draw anew, and what decides nothing, a line for each kind."""
    told: dict[str, list[str]] = {}
    for name, entry in entries.items():
        is_first = entry.is_new and entry.look.number == 1 and entry.look.because != ADDED_LATER
        words = entry.look.because if is_first else ""
        if words := f"{entry.undecided} decides nothing" if entry.undecided else words:
            told.setdefault(words, []).append(name.rpartition("::")[2])
    return [f"{', '.join(names)}: {words}" for words, names in told.items()]


def _added_later(entries: Mapping[str, Entry], level: float) -> list[str]:
    """The levels of red of evaluations that were added to a family that had been weighed, a line for each."""
    levels: dict[float, list[str]] = {}
    for name, entry in entries.items():
        if entry.is_new and entry.look.because == ADDED_LATER:
            levels.setdefault(entry.look.red, []).append(name)
    lines = []
    for red, names in sorted(levels.items()):
        who = _who(names)
        lines.append(
            f"{who} {'was' if len(names) == 1 else 'were'} {ADDED_LATER} for this candidate: red may be wrong "
            f"{100 * level * red:.2g} times in 100{'' if len(names) == 1 else ' for each'}"
        )
    return lines


def gone_notes(options: RunOptions, candidate: str, store: Store) -> tuple[str, ...]:
    """Tell of evaluations that are gone from the suite, and that the recorded baseline has, or that were not green in a
    gate of this candidate: else to delete one that is red makes a gate green without a trace.

    Args:
        candidate: its fingerprint.
    """
    recording, told = options.recording, []
    recorded = {} if recording is None else recording.evaluations
    seen = (row.evaluation_id for row in store.looks.of_candidate(candidate))
    gone = list(filter(options.is_gone, dict.fromkeys([*recorded, *seen])))
    not_green = _not_green(gone, {*options.family}, candidate, store) if gone else {}
    for identity in gone:
        known = []
        if recording is not None and identity in recorded:
            n_cases = len(recorded[identity].cases)
            known.append(f"{recording.in_words} has {n_cases:,} case{'' if n_cases == 1 else 's'} of it")
        if identity in not_green:
            known.append(f"a gate of this candidate had it, {not_green[identity]}")
        if known:
            told.append((identity, f"{identity} is not in the suite any more: {'; '.join(known)}"))
    more = [identity for identity, _ in told[_TOLD:]]
    others = [f"{len(more):,} more that were recorded or not green are not in the suite any more: {some(more)}"]
    return (*(note for _, note in told[:_TOLD]), *(others if more else ()))


def _not_green(gone: Iterable[str], own: Set[str], candidate: str, store: Store) -> dict[str, str]:
    """What those that are gone came to in the newest gate of the candidate that had them, where that is not green.

    Args:
        own: the evaluations of this suite: a gate that had none of them was of another project with the same store.
    """
    found: dict[str, tuple[str, str]] = {}
    for run in reversed(store.runs()):
        version = run.spec.get("candidate") or {}
        looks = version.get("draws", {}).keys() if version.get("fingerprint") == candidate else set()
        missing = {*gone} & looks - found.keys() if run.finished and looks & own else set()
        if missing:
            entries = (store.report(run.run_id) or {}).get("evaluations", ())
            found |= {each["id"]: (each["verdict"], run.run_id) for each in entries if each["id"] in missing}
    return {name: f"{verdict} in run {run_id}" for name, (verdict, run_id) in found.items() if verdict != "passed"}
