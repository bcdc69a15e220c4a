"""What the next candidate of a suite that counts them can come to, and when fresh cases are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.decisions import share_of
from harness.gate.history.runs import stored_report
from harness.gate.planning.power import ErrorRates, Simulation
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape
from harness.gate.sampling.candidates import COUNTED, counted_looks, green_runs, next_turn
from harness.gate.sampling.question import Turn
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
        looked_at: whether they were opened with the key; None where nothing is sealed.
    """

    evaluation: str
    number: int
    greens: int
    level: float
    green: float
    green_first: float
    due: int | None
    cases: int
    looked_at: bool | None


def next_candidates(
    store: Store, gate: PlannedGate, names_of: Callable[[Sequence[Verdict]], Sequence[str]]
) -> tuple[NextCandidate, ...]:
    """The next candidate of each evaluation of the newest run that counted some; none where no run did.

    Args:
        gate: whose shapes tell how scores vary, unless they are sealed.
        names_of: what evaluations are called.
    """
    runs = [run for run in store.runs() if run.finished and run.spec.get(COUNTED)]
    if not runs:
        return ()
    report, counted, opened = stored_report(store, runs[-1].run_id), runs[-1].spec[COUNTED], store.looked_at()
    rows = store.looks.of_evaluations(counted)
    newest = {row.evaluation_id: asked.cases for row, asked in counted_looks(rows, {})}
    looks, level = counted_looks(rows, newest), 1 - report.confidence_level
    is_recorded = any(asked.turn.baseline_level for _, asked in looks)
    turn = next_turn(looks, rows, lambda: green_runs(runs), level=level, is_recorded=is_recorded)
    level *= 1 - BASELINE_SHARE if is_recorded else 1
    burnt = {name for run in runs if run.run_id in opened for name in run.spec[COUNTED]}
    return tuple(
        _next(verdict, name, turn, level, gate.shapes, is_burnt=verdict.id in burnt)
        for verdict, name in zip(report.evaluations, names_of(report.evaluations), strict=True)
        if verdict.id in counted
    )


def _next(
    verdict: Verdict, name: str, turn: Turn, level: float, known: Sequence[Shape], *, is_burnt: bool
) -> NextCandidate:
    own, plan, cases = next((each for each in known if each.name == name), Shape()), verdict.plan, verdict.n_cases
    size = {"cases": max(2, cases), "samples": plan.samples, "margin": plan.margin, "threshold": plan.threshold}
    shape = replace(own, design="fixed", about="suite", **size)  # type: ignore[arg-type]

    def at(number: int, greens: int) -> float:
        return candidate_level(number, greens, level) * share_of(1)

    def green(number: int, greens: int) -> float:
        return Simulation(ErrorRates(at(number, greens), level), _GATES).outlook(shape, None).green

    first, now = green(1, 0), green(turn.number, turn.greens)
    due = first_that(lambda more: green(turn.number + more, turn.greens) < first / 2, 1, _FARTHEST)
    return NextCandidate(
        name,
        turn.number,
        turn.greens,
        at(turn.number, turn.greens),
        now,
        first,
        0 if now < first / 2 else due,
        cases,
        is_burnt if plan.candidates == "sealed" else None,
    )
