"""What is told before the first request: the price of looking again, and the differences that ablations can show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.decisions import Look, share_of
from harness.decisions.looks import ADDED_LATER, ordinal
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.runs.run_settings import RunOptions
from harness.gate.sampling.ledger import Entry
from harness.store import Store

FIXTURE = "ablation"
_ROUNDING = 1e-9


def seeds_in_words(evaluations: Iterable[Evaluation], looks: Mapping[str, Look], level: float) -> list[str]:
    """Say what evaluations whose cases are seeds can show, a line for each number of seeds and level.

    Args:
        evaluations: those that are weighed against a baseline.
        looks: what each may spend, by id.
        level: the error rate of the gate.
    """
    from harness.stages.data.ablation.power import seed_power

    found: dict[tuple[int, float], list[str]] = {}
    for each in evaluations:
        look = looks.get(each.id)
        if FIXTURE not in each.stages or look is None:
            continue
        n_ways = 1 + (each.plan.threshold is not None)
        red = level * look.red / n_ways / (2 if each.plan.aim == "same" else 1)
        found.setdefault((len(each.cases), red), []).append(each.id)
    return [f"{seed_power(pairs, red).in_words()} ({', '.join(ids)})" for (pairs, red), ids in found.items()]


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
    """Tell of evaluations that are gone from the suite, and that the recorded baseline has, or earlier gates of this
    candidate: else to delete one that is red makes a gate green without a trace.

    Args:
        candidate: its fingerprint.
    """
    recording, told = options.recording, []
    recorded = {} if recording is None else recording.evaluations
    rows = sorted(store.looks.of_candidate(candidate), key=lambda row: row.number)
    seen = {row.evaluation_id: row.run_id for row in rows}
    for identity in filter(options.is_gone, dict.fromkeys([*recorded, *seen])):
        known = []
        if recording is not None and identity in recorded:
            known.append(f"{recording.in_words} has {len(recorded[identity].cases):,} cases of it")
        if identity in seen:
            known.append(f"a gate of this candidate had it{_verdict(store, seen[identity], identity)}")
        told.append(f"{identity} is not in the suite any more: {'; '.join(known)}")
    return tuple(told)


def _verdict(store: Store, run_id: str, identity: str) -> str:
    """The verdict of an evaluation in a run, with the run, in words that go after it; "" where there is none."""
    entries = (store.report(run_id) or {}).get("evaluations", ())
    found = next((entry["verdict"] for entry in entries if entry["id"] == identity), None)
    return "" if found is None else f", {found} in run {run_id}"
