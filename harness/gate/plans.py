"""The rows of a plan: what each evaluation finds as it is, or how large it must be to find a drop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from harness.errors import SettingsError
from harness.gate.planning import Levels, Outlook, Simulation, fewest_cases, smallest_margin
from harness.gate.shapes import Gate
from harness.gate.simulation import Shape
from harness.statistics.planning import Allocation, optimal_samples

_SAMPLES_TRIED = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be found, and what it may cost.

    Attributes:
        drop: to be found; None asks for the smallest that is.
        power: the share of gates that find it.
        costs: of one more case, and of one more sample of each version; None where nothing is said of it.
        budget: to be split between cases and samples by their costs, in place of those that there are.
        gates: that are simulated for each figure.
    """

    drop: float | None = None
    power: float = 0.8
    costs: tuple[float, float] | None = None
    budget: float | None = None
    gates: int = 300
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What becomes of one evaluation of one size.

    Attributes:
        shape: with the cases that there are or that are needed.
        suffices: whether any number of cases finds the drop; only then the rest is known.
        drop: the smallest that is found, or the one that was asked for; None where none is found.
        unchanged, dropped: what becomes of a candidate that is no worse, and of one that is.
        fewest: cases with which a perfect candidate passes, at least; None where none does.
        margin: the smallest with which it passes with the cases that there are, where the margin does not do.
        cost: of the cases, and of the samples drawn while nothing is wrong.
        split: what the same money buys at best.
    """

    shape: Shape
    suffices: bool = True
    drop: float | None = None
    unchanged: Outlook | None = None
    dropped: Outlook | None = None
    fewest: int | None = None
    margin: float | None = None
    cost: float | None = None
    split: Allocation | None = None


def sizes(gate: Gate, wanted: Wanted, *, any_samples: bool) -> tuple[Shape, ...]:
    """The shapes to look at: each comparison, or a single one with different numbers of samples to find a drop with."""
    shapes = tuple(dict.fromkeys(gate.shapes))
    if wanted.drop is None or len(shapes) > 1 or not any_samples:
        return shapes
    return tuple(replace(shapes[0], samples=samples) for samples in _SAMPLES_TRIED)


def plan_rows(
    gate: Gate, shapes: tuple[Shape, ...], wanted: Wanted, advance: Callable[[], None] = lambda: None
) -> Iterator[PlanRow]:
    """A row for each shape.

    Args:
        advance: called after each.

    Raises:
        SettingsError: the drop is larger than scores can fall.
    """
    for shape in shapes:
        levels = _levels(gate, shape, wanted.power)
        simulation = Simulation(levels, wanted.gates, wanted.seed)
        if wanted.drop is None:
            yield _found(shape, simulation, levels, wanted)
        else:
            yield _needed(shape, simulation, levels, wanted)
        advance()


def _levels(gate: Gate, shape: Shape, power: float) -> Levels:
    """Red is shared by all evaluations, and by the comparisons of one that has two; green is not."""
    level = 1 - gate.confidence_level
    own = len({each.threshold for each in gate.shapes if each.name == shape.name})
    return Levels(passing=level, red=level / (gate.evaluations * max(1, own)), power=power)


def _found(shape: Shape, simulation: Simulation, levels: Levels, wanted: Wanted) -> PlanRow:
    split = _split(shape, wanted)
    if split is not None and wanted.budget is not None:
        shape = replace(shape, cases=max(2, split.cases), samples=split.samples)
    drop, fewest = simulation.smallest_drop(shape), fewest_cases(shape, levels)
    unchanged = simulation.outlook(shape, None)
    return PlanRow(
        shape=shape,
        drop=drop,
        unchanged=unchanged,
        dropped=None if drop is None else simulation.outlook(shape, drop),
        fewest=fewest,
        margin=smallest_margin(shape, levels) if fewest is None or fewest > shape.cases else None,
        cost=_cost(shape, unchanged, wanted),
        split=split,
    )


def _needed(shape: Shape, simulation: Simulation, levels: Levels, wanted: Wanted) -> PlanRow:
    assert wanted.drop is not None
    if not 0 < wanted.drop <= shape.deepest:
        raise SettingsError(
            f"--drop: {wanted.drop:g} is not above 0 and at most {shape.deepest:.2f}, all that there is to lose."
        )
    cases, fewest = simulation.cases_needed(shape, wanted.drop), fewest_cases(shape, levels)
    if cases is None:
        return PlanRow(shape, suffices=False, drop=wanted.drop, fewest=fewest)
    sized = replace(shape, cases=cases)
    unchanged = simulation.outlook(sized, None)
    return PlanRow(
        shape=sized,
        drop=wanted.drop,
        unchanged=unchanged,
        dropped=simulation.outlook(sized, wanted.drop),
        fewest=fewest,
        cost=_cost(sized, unchanged, wanted),
    )


def _cost(shape: Shape, unchanged: Outlook, wanted: Wanted) -> float | None:
    if wanted.costs is None:
        return None
    per_case, per_sample = wanted.costs
    return per_case * shape.cases + per_sample * shape.samples * unchanged.cases


def _split(shape: Shape, wanted: Wanted) -> Allocation | None:
    if wanted.costs is None:
        return None
    per_case, per_sample = wanted.costs
    budget = shape.cases * (per_case + shape.samples * per_sample) if wanted.budget is None else wanted.budget
    return optimal_samples(shape.between_sd, shape.within_sd, budget, case_cost=per_case, sample_cost=per_sample)
