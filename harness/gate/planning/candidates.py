"""What the next candidate of a suite that counts them can come to, and when fresh cases are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.decisions import share_of
from harness.gate.history.runs import stored_report
from harness.gate.planning.power import ErrorRates, Simulation
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape
from harness.gate.sampling.candidates import COUNTED, SameCases, green_runs, newest_cases, next_turn
from harness.records import Verdict
from harness.statistics.online import BASELINE_SHARE, candidate_level
from harness.statistics.searching import first_that
from harness.store import Store

_GATES, _FARTHEST = 100, 1000


@dataclass(frozen=True, slots=True)
class NextCandidate:
    """The next candidate of an evaluation whose candidates are counted.

    Attributes:
        number, greens: which it will be, and how many before it were green.
        level: at which it passes.
        green, green_first: how often one that is as good passes, and how often the first did.
        due: with so many more that are not green it is half of that; None beyond 1,000.
        cases: how many there are.
        looked_at: how many of them were opened with the key; None where nothing is sealed.
    """

    evaluation: str
    number: int
    greens: int
    level: float
    green: float
    green_first: float
    due: int | None
    cases: int
    looked_at: int | None


def next_candidates(
    store: Store, gate: PlannedGate, names_of: Callable[[Sequence[Verdict]], Sequence[str]]
) -> tuple[NextCandidate, ...]:
    """The next candidate of each evaluation of the newest run that counted some; none where no run did.

    Args:
        gate: whose shapes tell how scores vary, unless they are sealed.
        names_of: what evaluations are called.
    """
    runs = store.runs()
    newest = next((run for run in reversed(runs) if run.finished and run.spec.get(COUNTED)), None)
    if newest is None:
        return ()
    report, counted = stored_report(store, newest.run_id), set(newest.spec[COUNTED])
    rows = store.looks.of_evaluations(counted)
    known, level = SameCases(rows, newest_cases(rows)), 1 - report.confidence_level
    is_recorded = any(each.turn.baseline_level for each in known.looks)
    turn = next_turn(known.looks, known.members, lambda: green_runs(runs), level=level, is_recorded=is_recorded)
    level *= 1 - BASELINE_SHARE if is_recorded else 1
    looked_at = store.looked_at()
    opened = [stored_report(store, run.run_id) for run in runs if run.finished and run.run_id in looked_at]
    seen = {each.id: each.n_cases for of_run in opened for each in of_run.evaluations}
    named = zip(report.evaluations, names_of(report.evaluations), strict=True)
    return tuple(
        _next(
            _shape(verdict, name, gate.shapes),
            level,
            (turn.number, turn.greens),
            seen.get(verdict.id, 0) if verdict.plan.candidates == "sealed" else None,
        )
        for verdict, name in named
        if verdict.id in counted
    )


def _shape(verdict: Verdict, name: str, known: Sequence[Shape]) -> Shape:
    """The shape of an evaluation, drawn whole; its spread as in the gate, or as it is assumed to be."""
    own, plan = next((each for each in known if each.name == name), Shape()), verdict.plan
    size = {"cases": max(2, verdict.n_cases), "samples": plan.samples, "margin": plan.margin}
    return replace(own, name=name, design="fixed", about="suite", threshold=plan.threshold, **size)  # type: ignore[arg-type]


def _next(shape: Shape, level: float, turn: tuple[int, int], looked_at: int | None) -> NextCandidate:
    number, greens = turn

    def at(place: int, before: int) -> float:
        return candidate_level(place, before, level) * share_of(1)

    def green(place: int, before: int) -> float:
        levels = ErrorRates(at(place, before), level)
        return Simulation(levels, _GATES).outlook(shape, None).green

    first, own = green(1, 0), green(number, greens)
    due = 0 if own < first / 2 else first_that(lambda more: green(number + more, greens) < first / 2, 1, _FARTHEST)
    return NextCandidate(shape.name, number, greens, at(number, greens), own, first, due, shape.cases, looked_at)
