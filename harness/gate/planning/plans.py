"""The rows of a plan: what each evaluation finds as it is, or how large it must be to find a drop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import SettingsError
from harness.gate.planning.power import (
    MOST_CASES,
    ErrorRates,
    Simulation,
    VerdictShares,
    can_be_found,
    cases_by_normal,
    drop_by_normal,
    fewest_cases,
    smallest_margin,
)
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape

_SAMPLES_TRIED = (1, 2, 3, 5, 10, 20)
_FEWEST_GATES, _MOST_GATES = 40, 300
#: Samples of all simulated gates of a figure, over all rows: a plan takes some seconds then. What is weighed of a gate
#: whatever its size takes as long as so many samples.
_SAMPLES_TOGETHER, _LIKE_SAMPLES = 2_500_000, 7_000


@dataclass(frozen=True, slots=True)
class PlanTarget:
    """The drop that a plan is to find, and what that may cost.

    Attributes:
        drop: to be found; None asks for the smallest that is.
        power: the share of gates that find it.
        costs: of one more case, and of one more sample of each version; None where nothing is said of it.
        gates: that are simulated for each figure; None for as many as take some seconds.
    """

    drop: float | None = None
    power: float = 0.8
    costs: tuple[float, float] | None = None
    gates: int | None = None


Why = Literal["within the margin", "at the margin", "too many"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change that would make a drop possible to find, by the normal approximation.

    Attributes:
        what: to change: to weigh one evaluation alone; to allow so large a margin; to draw so many samples of a case;
            to ask for these cases alone; to look for so large a drop.
        value: to change it to; None where there is only one way.
        cases: that it takes then.
    """

    what: Literal["evaluations", "margin", "samples", "about", "drop"]
    value: float | None
    cases: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Samples for each case, the cases that a budget then pays for, and the standard error that results."""

    samples: int
    cases: int
    standard_error: float


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One row of a plan: what becomes of one evaluation of one size.

    Attributes:
        shape: with the cases that there are or that are needed.
        why: no number of cases finds the drop, if so; only without it the rest is known.
        drop: the smallest that is found, or the one that was asked for; None where none is found.
        unchanged, dropped: what becomes of a candidate that is no worse, and of one that is.
        fewest: cases with which a perfect candidate passes, at least; None where none does.
        margin: the smallest with which it passes with the cases that there are, where the margin does not do.
        cost: of the cases, and of the samples drawn while nothing is wrong.
        split: what the same money buys at best.
        error: standard error, from chance in the simulation, of the drop or of the cases needed, as a share of it.
        remedies: what would make it possible.
        at_hand: about the suite: the cases that there are, and how many samples of each find the drop.
    """

    shape: Shape
    why: Why | None = None
    drop: float | None = None
    unchanged: VerdictShares | None = None
    dropped: VerdictShares | None = None
    fewest: int | None = None
    margin: float | None = None
    cost: float | None = None
    split: Allocation | None = None
    error: float = 0.0
    remedies: tuple[Remedy, ...] = ()
    at_hand: tuple[int, int] | None = None

    @property
    def suffices(self) -> bool:
        """True where any number of cases finds the drop."""
        return self.why is None


def sizes(gate: PlannedGate, wanted: PlanTarget, *, any_samples: bool) -> tuple[Shape, ...]:
    """The shapes to look at: each comparison, or a single one with different numbers of samples to find a drop with."""
    shapes = tuple(dict.fromkeys(gate.shapes))
    if wanted.drop is None or len(shapes) > 1 or not any_samples:
        return shapes
    return tuple(replace(shape, samples=samples) for shape in shapes for samples in _SAMPLES_TRIED)


def plan_rows(gate: PlannedGate, shapes: tuple[Shape, ...], wanted: PlanTarget) -> Iterator[PlanRow]:
    """A row for each shape.

    Raises:
        SettingsError: the drop is larger than scores can fall.
    """
    at_hand: dict[Shape, tuple[int, int] | None] = {}
    for shape in shapes:
        comparisons = len({each.threshold for each in gate.shapes if each.name == shape.name})
        levels = ErrorRates.of(gate.confidence_level, gate.evaluations, comparisons, wanted.power)
        size = shape.cases * shape.samples + _LIKE_SAMPLES
        gates = min(max(_SAMPLES_TOGETHER // (len(shapes) * size), _FEWEST_GATES), _MOST_GATES)
        simulation = Simulation(levels, wanted.gates or gates)
        if wanted.drop is None:
            yield _found(shape, simulation, wanted.costs)
            continue
        row, one = _needed(shape, wanted.drop, simulation, wanted.costs), replace(shape, samples=1)
        if row.suffices and shape.about == "suite" and one not in at_hand:
            samples = simulation.samples_needed(shape, wanted.drop)
            at_hand[one] = None if samples is None else (shape.cases, samples)
        yield replace(row, at_hand=at_hand.get(one))


def _found(shape: Shape, simulation: Simulation, costs: tuple[float, float] | None) -> PlanRow:
    levels = simulation.levels
    drop, fewest = simulation.smallest_drop(shape), fewest_cases(shape, levels)
    unchanged = simulation.outlook(shape, None)
    dropped = None if drop is None else simulation.outlook(shape, drop)
    return PlanRow(
        shape=shape,
        drop=drop,
        unchanged=unchanged,
        dropped=dropped,
        fewest=fewest,
        margin=smallest_margin(shape, levels) if fewest is None or fewest > shape.cases else None,
        cost=_cost(shape, unchanged, costs),
        split=None if costs is None or shape.about == "suite" else best_split(shape, *costs),
        error=0.0 if dropped is None else levels.sway(levels.red, dropped.red.gates),
    )


def _needed(shape: Shape, drop: float, simulation: Simulation, costs: tuple[float, float] | None) -> PlanRow:
    levels = simulation.levels
    if not 0 < drop <= shape.deepest:
        raise SettingsError(
            f"--drop: {drop:g} is not above 0 and at most {shape.deepest:.2f}, all that there is to lose."
        )
    if not can_be_found(drop, shape.margin, levels):
        why: Why = "within the margin" if drop < shape.margin else "at the margin"
        # A margin of the drop itself is the widest with which it is no drop that may pass.
        cases = cases_by_normal(replace(shape, margin=drop), drop, levels)
        narrower = (Remedy("margin", drop, cases),) if drop < shape.margin and cases is not None else ()
        return PlanRow(shape, why, drop, remedies=narrower)
    cases, fewest = simulation.cases_needed(shape, drop), fewest_cases(shape, levels)
    if cases is None:
        return PlanRow(shape, "too many", drop, fewest=fewest, remedies=tuple(_remedies(shape, levels, drop)))
    sized = replace(shape, cases=cases)
    unchanged = simulation.outlook(sized, None)
    return PlanRow(
        shape=sized,
        drop=drop,
        unchanged=unchanged,
        dropped=simulation.outlook(sized, drop),
        fewest=fewest,
        cost=_cost(sized, unchanged, costs),
        error=2 * levels.sway(levels.passing, unchanged.green.gates),
    )


def _remedies(shape: Shape, levels: ErrorRates, drop: float) -> Iterator[Remedy]:
    """Yield the changes that make it possible with 20,000 cases or fewer, the least of each kind."""
    changes: list[tuple[Remedy, Shape, ErrorRates]] = [
        (Remedy("evaluations", 1, 0), shape, replace(levels, red=levels.passing)),
        (Remedy("margin", drop, 0), replace(shape, margin=drop), levels),
        *(
            (Remedy("samples", samples, 0), replace(shape, samples=samples), levels)
            for samples in _SAMPLES_TRIED
            if samples > shape.samples
        ),
        (Remedy("about", None, 0), replace(shape, about="suite"), levels),
    ]
    done = set()
    for remedy, changed, at in changes:
        cases = cases_by_normal(changed, drop, at)
        is_change = (changed, at) != (shape, levels) and remedy.what not in done
        if is_change and cases is not None and cases <= MOST_CASES:
            done.add(remedy.what)
            yield replace(remedy, cases=cases)
    found = max(drop_by_normal(replace(shape, cases=MOST_CASES), levels), shape.margin)
    if drop < found <= shape.deepest:
        yield Remedy("drop", found, MOST_CASES)


def _cost(shape: Shape, unchanged: VerdictShares, costs: tuple[float, float] | None) -> float | None:
    if costs is None:
        return None
    drawn = shape.cases if unchanged.cases is None else unchanged.cases
    return costs[0] * shape.cases + costs[1] * shape.samples * drawn


def best_split(shape: Shape, case_cost: float, sample_cost: float) -> Allocation | None:
    """Split what a shape costs between cases and samples for the smallest standard error; None without any error.

    Without a cost of the cases themselves one sample each is best; the dearer a case, the more samples of it.

    Source: W. G. Cochran (1977), Sampling Techniques, 3rd ed., chapter 10: the best size is
    within / between * sqrt(case_cost / sample_cost), here the better of its two whole neighbours.

    >>> best_split(Shape(cases=100, samples=5), 5, 1).samples
    4
    """
    between, within = shape.between_sd, shape.within_sd
    if between == within == 0:
        return None
    budget = shape.cases * (case_cost + shape.samples * sample_cost)
    most = int((budget - case_cost) / sample_cost)
    best = min(max(within / between * math.sqrt(case_cost / sample_cost) if between else most, 1), most)
    splits = []
    for samples in {math.floor(best), min(math.ceil(best), most)}:
        cases = int(budget / (case_cost + samples * sample_cost))
        splits.append(Allocation(samples, cases, math.sqrt((between**2 + within**2 / samples) / cases)))
    return min(splits, key=lambda split: (split.standard_error, split.samples))
