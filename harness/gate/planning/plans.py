"""The rows of a plan: what each evaluation finds as it is, or how large it must be to find a drop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import SettingsError
from harness.gate.planning.power import (
    MOST_CASES,
    SIMULATED_CASES,
    ErrorRates,
    Simulation,
    VerdictShares,
    can_be_found,
    cases_by_normal,
    drop_by_normal,
)
from harness.gate.planning.settling import fewest_cases, smallest_margin
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape
from harness.statistics.planning import Allocation, optimal_samples

_SAMPLES_TRIED = (1, 2, 3, 5, 10, 20)
MOST_GATES = 300
"""Gates that are simulated for a figure where nobody says how many."""
_FEWEST_GATES = 50
#: Cases of all simulated gates of a figure, over all rows: a plan takes some seconds then.
_CASES_TOGETHER = 400_000
#: A gate of a fixed design is decided by itself, and takes as long as so many cases of those that are bet on together.
_LIKE_CASES = 1_000
#: Graded samples of a case that take as long to draw as all else of it.
_GRADED = 5
#: Samples of a case whose noise takes as long to weigh as its bets.
_TWO_STAGES = 5
_FEW_ROWS = 6


@dataclass(frozen=True, slots=True)
class PlanTarget:
    """The drop that a plan is to find, and what that may cost.

    Attributes:
        drop: to be found; None asks for the smallest that is.
        power: the share of gates that find it.
        costs: of one more case, and of one more sample of each version; None where nothing is said of it.
        budget: to be split between cases and samples by their costs, in place of those that there are.
        gates: that are simulated for each figure; None for as many as take some seconds.
    """

    drop: float | None = None
    power: float = 0.8
    costs: tuple[float, float] | None = None
    budget: float | None = None
    gates: int | None = None
    seed: int = 0


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
        gates: simulated in all; 0 where all figures are computed.
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
    gates: int = 0
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
    return tuple(replace(shapes[0], samples=samples) for samples in _SAMPLES_TRIED)


def plan_rows(
    gate: PlannedGate, shapes: tuple[Shape, ...], wanted: PlanTarget, advance: Callable[[], None] = lambda: None
) -> Iterator[PlanRow]:
    """A row for each shape.

    Args:
        advance: called after each.

    Raises:
        SettingsError: the drop is larger than scores can fall.
    """
    at_hand: dict[Shape, tuple[int, int] | None] = {}
    for shape in shapes:
        own = len({each.threshold for each in gate.shapes if each.name == shape.name})
        levels = ErrorRates.of(gate.confidence_level, gate.evaluations, own, wanted.power)
        if wanted.drop is None:
            yield _found(shape, levels, wanted, len(shapes))
        else:
            row = _needed(shape, levels, wanted, len(shapes))
            one = replace(shape, samples=1)
            if row.suffices and one not in at_hand:
                at_hand[one] = _at_hand(shape, wanted.drop, _simulation(shape, levels, wanted, len(shapes)))
            yield replace(row, at_hand=at_hand.get(one))
        advance()


def _simulation(shape: Shape, levels: ErrorRates, wanted: PlanTarget, n_rows: int) -> Simulation:
    """Fewer gates where there are many rows or cases, unless it is said how many.

    About the suite none where there are so many rows that a few gates of each take too long.
    """
    if wanted.gates is not None:
        return Simulation(levels, wanted.gates, wanted.seed)
    size = shape.cases
    if shape.about == "suite":
        size += size * shape.samples // _TWO_STAGES
    elif shape.design == "fixed":
        size = max(size, _LIKE_CASES)
    if shape.spread.noise < 1:
        size += size * shape.samples // _GRADED
    gates = min(MOST_GATES, _CASES_TOGETHER // (n_rows * size))
    if shape.about == "population" or shape.cases > SIMULATED_CASES or n_rows <= _FEW_ROWS:
        gates = max(_FEWEST_GATES, gates)
    return Simulation(levels, gates if gates >= _FEWEST_GATES else 0, wanted.seed, quick=True)


def _found(shape: Shape, levels: ErrorRates, wanted: PlanTarget, n_rows: int) -> PlanRow:
    split = _split(shape, wanted)
    if split is not None and wanted.budget is not None:
        shape = replace(shape, cases=max(2, split.cases), samples=split.samples)
    simulation = _simulation(shape, levels, wanted, n_rows)
    drop, fewest = simulation.smallest_drop(shape), fewest_cases(shape, levels.pair, MOST_CASES)
    unchanged = simulation.outlook(shape, None)
    dropped = None if drop is None else simulation.outlook(shape, drop)
    too_few = fewest is None or fewest > shape.cases
    return PlanRow(
        shape=shape,
        drop=drop,
        unchanged=unchanged,
        dropped=dropped,
        fewest=fewest,
        margin=smallest_margin(shape, levels.pair) if too_few else None,
        cost=_cost(shape, unchanged, wanted),
        split=split,
        error=0.0 if dropped is None else levels.sway(levels.red, dropped.red.gates),
        gates=simulation.simulated,
    )


def _needed(shape: Shape, levels: ErrorRates, wanted: PlanTarget, n_rows: int) -> PlanRow:
    assert wanted.drop is not None
    if not 0 < wanted.drop <= shape.deepest:
        raise SettingsError(
            f"--drop: {wanted.drop:g} is not above 0 and at most {shape.deepest:.2f}, all that there is to lose."
        )
    if not can_be_found(wanted.drop, shape.margin, levels):
        why: Why = "within the margin" if wanted.drop < shape.margin else "at the margin"
        return PlanRow(shape, why, wanted.drop, remedies=tuple(_narrower(shape, levels, wanted.drop)))
    guess = cases_by_normal(shape, wanted.drop, levels)
    guessed = replace(shape, cases=guess or MOST_CASES)
    simulation = _simulation(guessed, levels, wanted, n_rows)
    cases = simulation.cases_needed(shape, wanted.drop)
    fewest = fewest_cases(shape, levels.pair, MOST_CASES)
    if cases is None:
        remedies = tuple(_remedies(shape, levels, wanted.drop))
        return PlanRow(shape, "too many", wanted.drop, fewest=fewest, gates=simulation.simulated, remedies=remedies)
    sized = replace(shape, cases=cases)
    unchanged = simulation.outlook(sized, None)
    return PlanRow(
        shape=sized,
        drop=wanted.drop,
        unchanged=unchanged,
        dropped=simulation.outlook(sized, wanted.drop),
        fewest=fewest,
        cost=_cost(sized, unchanged, wanted),
        error=2 * levels.sway(levels.passing, unchanged.green.gates),
        gates=simulation.simulated,
    )


def _at_hand(shape: Shape, drop: float, simulation: Simulation) -> tuple[int, int] | None:
    """Give the cases at hand and how many samples of each find the drop, where the verdict is about these cases."""
    samples = simulation.samples_needed(shape, drop) if shape.about == "suite" else None
    return None if samples is None else (shape.cases, samples)


def _narrower(shape: Shape, levels: ErrorRates, drop: float) -> Iterator[Remedy]:
    """A margin of the drop itself: the widest with which it is no drop that may pass."""
    cases = cases_by_normal(replace(shape, margin=drop), drop, levels)
    if drop < shape.margin and cases is not None:
        yield Remedy("margin", drop, cases)


def _remedies(shape: Shape, levels: ErrorRates, drop: float) -> Iterator[Remedy]:
    """Yield the changes that make it possible with 20,000 cases or fewer."""

    def ways() -> Iterator[tuple[Remedy, int | None]]:
        one = replace(levels, red=levels.passing)
        yield Remedy("evaluations", 1, 0), cases_by_normal(shape, drop, one) if one != levels else None
        if drop > shape.margin and can_be_found(drop, drop, levels):
            yield Remedy("margin", drop, 0), cases_by_normal(replace(shape, margin=drop), drop, levels)
        for samples in _SAMPLES_TRIED:
            if samples > shape.samples:
                more = cases_by_normal(replace(shape, samples=samples), drop, levels)
                yield Remedy("samples", samples, 0), more
                if more is not None and more <= MOST_CASES:
                    break
        if shape.about == "population":
            yield Remedy("about", None, 0), cases_by_normal(replace(shape, about="suite"), drop, levels)

    for remedy, cases in ways():
        if cases is not None and cases <= MOST_CASES:
            yield replace(remedy, cases=cases)
    largest = replace(shape, cases=MOST_CASES)
    found = drop_by_normal(largest, levels)
    if drop < found <= shape.deepest:
        yield Remedy("drop", found, MOST_CASES)


def _cost(shape: Shape, unchanged: VerdictShares, wanted: PlanTarget) -> float | None:
    if wanted.costs is None:
        return None
    per_case, per_sample = wanted.costs
    drawn = shape.cases if unchanged.cases is None else unchanged.cases
    return per_case * shape.cases + per_sample * shape.samples * drawn


def _split(shape: Shape, wanted: PlanTarget) -> Allocation | None:
    if wanted.costs is None or shape.about == "suite":
        return None
    per_case, per_sample = wanted.costs
    budget = shape.cases * (per_case + shape.samples * per_sample) if wanted.budget is None else wanted.budget
    return optimal_samples(shape.between_sd, shape.within_sd, budget, case_cost=per_case, sample_cost=per_sample)
