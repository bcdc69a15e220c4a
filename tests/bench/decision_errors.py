"""How often whole gates are wrong: simulated ones, decided by `decide`, against a known truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from harness.decisions import Observations, decide, decided_after, worst
from harness.decisions.hypotheses import hypotheses
from harness.gate.planning.calibration import GateShare, simulate, truths
from harness.gate.planning.simulation import Shape, simulated
from tests.bench.sampling import Figure

GATES = 5000
LEVEL = 0.05
_AT_ONCE = 125
_TRUTHS = ("the same version", "30 % of the cases differ, none worse on average", "one worse by the margin, 0.05")
_KINDS = ("red", "red", "green")


@dataclass(frozen=True)
class Kind:
    """Gates of one kind: how many evaluations, of which design, and what is true."""

    evaluations: int
    design: str
    truth: int


def error_rates(workers: Executor) -> Iterator[Figure]:
    """False red and false green of gates of 200 cases × 5 samples each."""
    for design in ("sequential", "fixed"):
        for evaluations in (1, 4):
            for truth, (name, kind) in enumerate(zip(_TRUTHS, _KINDS, strict=True)):
                rate = _counted(workers, partial(_errors, Kind(evaluations, design, truth)))
                plural = "evaluation" if evaluations == 1 else "evaluations"
                yield _figure(f"{design}, {evaluations} {plural}, {name}", kind, rate)
    same = "that share their answers: twice the same, graded, and with the versions swapped"
    yield _figure(f"sequential, 4 evaluations {same}", "red", _counted(workers, _dependent_reds))
    looks = "looked at after every case, red if it ever is"
    yield _figure(f"sequential, 4 evaluations, {_TRUTHS[1]}, {looks}", "red", _counted(workers, _reds_at_any_look))
    lost = "1 case in 20 lost altogether, all others always right"
    for design in ("sequential", "fixed"):
        for n_cases in (70, 100, 200):
            rate = _counted(workers, partial(_green_where_whole_cases_are_lost, design, n_cases))
            yield _figure(f"{design}, 1 evaluation of {n_cases} cases × 3 samples, {lost}", "green", rate)


def _figure(name: str, kind: str, rate: GateShare) -> Figure:
    beside = f"at most {rate.high:.4f}, {rate.gates:,} gates"
    return Figure(f"false {kind}: {name}", rate.value, "of the gates", "≤ 0.05", rate.value <= LEVEL, beside)


def _counted(workers: Executor, count: Callable[[int, int], int]) -> GateShare:
    parts = range(GATES // _AT_ONCE)
    return GateShare(sum(workers.map(partial(count, n_gates=_AT_ONCE), parts)), GATES)


def _errors(kind: Kind, part: int, n_gates: int) -> int:
    shape = replace(Shape(), design=kind.design)  # type: ignore[arg-type]
    shapes = [shape] * kind.evaluations
    found = simulate(truths(shapes, None)[kind.truth], shapes, n_gates, 1 - LEVEL, [1, kind.truth, part])
    assert found.wrong is not None
    return found.wrong.count


def _dependent_reds(part: int, n_gates: int) -> int:
    red = 0
    for gate in range(n_gates):
        rng = np.random.default_rng([2, part, gate])
        first = simulated(Shape(), 0.0, rng)
        assert first.baseline is not None
        steps = 0.5 + 0.5 * rng.random((len(first.candidate), 1))
        graded = replace(first, candidate=steps * first.candidate, baseline=steps * first.baseline)
        swapped = replace(first, candidate=first.baseline, baseline=first.candidate)
        entries = [replace(each, id=str(i)) for i, each in enumerate((first, first, graded, swapped))]
        red += worst(verdict.verdict for verdict in decide(entries, 1 - LEVEL)).is_red
    return red


def _reds_at_any_look(part: int, n_gates: int) -> int:
    shapes = [Shape()] * 4
    red = 0
    for gate in range(n_gates):
        rng = np.random.default_rng([3, part, gate])
        red += is_ever_red([simulated(shape, 0.0, rng, str(i)) for i, shape in enumerate(shapes)])
    return red


def is_ever_red(entries: list[Observations]) -> bool:
    """Whether the gate is red when it is decided on the first n cases of each evaluation, for any n.

    Stakes do not depend on what comes later, so that the paths of the whole suite hold those of its beginnings. The
    first to be red is so by its own share.
    """
    own = LEVEL / len(entries)
    for entry in entries:
        end = decided_after([entry], LEVEL, own) or len(entry.case_ids)
        (hypothesis,) = hypotheses(entry.first(end), (LEVEL, own))
        worse, passed = hypothesis.contrast.worse_at(own), hypothesis.contrast.passed_at(LEVEL)  # type: ignore[union-attr]
        if worse is not None and (passed is None or worse < passed):
            return True
    return False


def _green_where_whole_cases_are_lost(design: str, n_cases: int, part: int, n_gates: int) -> int:
    shape = Shape(cases=n_cases, samples=3, design=design)  # type: ignore[arg-type]
    ones = np.ones((n_cases, 3))
    green = 0
    for gate in range(n_gates):
        rng = np.random.default_rng([4, n_cases, part, gate])
        kept = np.repeat((rng.random((n_cases, 1)) >= shape.margin).astype(float), 3, axis=1)
        entry = replace(simulated(shape, 0.0, rng), candidate=kept, baseline=ones)
        (verdict,) = decide([entry], 1 - LEVEL)
        green += verdict.verdict == "passed"
    return green
