"""The rows of a plan: what each evaluation finds as it is, or how large it must be to find a drop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import SettingsError
from harness.gate.planning.power import (
    ErrorRates,
    Simulation,
    VerdictShares,
    can_be_found,
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

    def cost(self, shape: Shape, unchanged: VerdictShares) -> float | None:
        """The cost of the cases, and of the samples drawn while nothing is wrong."""
        if self.costs is None:
            return None
        return self.costs[0] * shape.cases + self.costs[1] * shape.samples * unchanged.cases


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
        error: standard error, from chance in the simulation, of the drop or of the cases needed, as a share of it.
        at_hand: about the suite: the cases that there are, and how many samples of each find the drop.
    """

    shape: Shape
    why: Literal["within the margin", "too many"] | None = None
    drop: float | None = None
    unchanged: VerdictShares | None = None
    dropped: VerdictShares | None = None
    fewest: int | None = None
    margin: float | None = None
    cost: float | None = None
    error: float = 0.0
    at_hand: tuple[int, int] | None = None


def sizes(gate: PlannedGate, wanted: PlanTarget, *, any_samples: bool) -> tuple[Shape, ...]:
    """The shapes to look at: each comparison, or a single one with different numbers of samples to find a drop with."""
    shapes = tuple(dict.fromkeys(gate.shapes))
    if wanted.drop is None or len(shapes) > 1 or not any_samples or shapes[0].is_repeatable:
        return shapes
    return tuple(replace(shapes[0], samples=samples) for samples in _SAMPLES_TRIED)


def plan_rows(gate: PlannedGate, shapes: tuple[Shape, ...], wanted: PlanTarget) -> Iterator[PlanRow]:
    """A row for each shape.

    Raises:
        SettingsError: the drop is larger than scores can fall.
    """
    size = sum(shape.cases * shape.samples + _LIKE_SAMPLES for shape in shapes)
    gates = wanted.gates or min(max(_SAMPLES_TOGETHER // max(1, size), _FEWEST_GATES), _MOST_GATES)
    for shape in shapes:
        comparisons = len({each.threshold for each in gate.shapes if each.name == shape.name})
        levels = ErrorRates.of(gate.confidence_level, gate.evaluations, comparisons, wanted.power)
        yield _row(shape, Simulation(levels, gates), wanted)


def _row(shape: Shape, simulation: Simulation, wanted: PlanTarget) -> PlanRow:
    levels, drop, at_hand = simulation.levels, wanted.drop, None
    if drop is None:
        drop = simulation.smallest_drop(shape)
    elif not 0 < drop <= shape.deepest:
        raise SettingsError(
            f"--drop: {drop:g} is not above 0 and at most {shape.deepest:.2f}, all that there is to lose."
        )
    elif not can_be_found(drop, shape.margin, levels):
        return PlanRow(shape, "within the margin", drop)
    else:
        cases = simulation.cases_needed(shape, drop)
        if cases is None:
            return PlanRow(shape, "too many", drop, fewest=fewest_cases(shape, levels))
        if shape.about == "suite" and (samples := simulation.samples_needed(shape, drop)) is not None:
            at_hand = shape.cases, samples
        shape = replace(shape, cases=cases)
    fewest, unchanged = fewest_cases(shape, levels), simulation.outlook(shape, None)
    dropped = None if drop is None else simulation.outlook(shape, drop)
    return PlanRow(
        shape=shape,
        drop=drop,
        unchanged=unchanged,
        dropped=dropped,
        fewest=fewest,
        margin=smallest_margin(shape, levels) if fewest is None or fewest > shape.cases else None,
        cost=wanted.cost(shape, unchanged),
        error=0.0 if dropped is None else levels.sway(dropped.gates) * (1 if wanted.drop is None else 2),
        at_hand=at_hand,
    )
