"""Finds what a gate of a given size finds, and the size for a given drop: for each evaluation a row of a plan.

The normal approximation says where to look; gates that are simulated, and decided as every gate is, say what is there.
A suite of more than 1,000 cases is told by 1,000, in which differences are wider by as much as its standard errors are
narrower; its scores are less lopsided, so that it finds a little more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from harness.decisions import Look, decide, look_at
from harness.decisions.looks import CLOSED
from harness.errors import SettingsError
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape, observed, simulated
from harness.records import VerdictKind
from harness.statistics.searching import first_that

Colour = Literal["red", "green"]
MOST_CASES = 20_000
"""Larger suites are not looked for."""
SIMULATED_CASES = 1_000
_MOST_SAMPLES = 1_000
_FINEST_DROP = 0.001
_LARGEST_STEP = 1.5
#: How many times the cases of a paired test a sequential design takes, about.
_SEQUENTIAL = 1.2
_SAMPLES_TRIED = (1, 2, 3, 5, 10, 20)
_FEWEST_GATES, _MOST_GATES = 40, 300
#: Samples of all simulated gates of a figure, over all rows: a plan takes some seconds then. What is weighed of a gate
#: whatever its size takes as long as so many samples.
_SAMPLES_TOGETHER, _LIKE_SAMPLES = 2_500_000, 7_000


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Error rates of one comparison: at which it passes, and what it may spend by itself on a false red.

    Attributes:
        power: the share of gates that should find what is to be found.
    """

    passing: float
    red: float
    power: float = 0.8

    @classmethod
    def of(cls, confidence_level: float, evaluations: int, comparisons: int = 1, power: float = 0.8) -> ErrorRates:
        """Those of the first look: red is shared by all evaluations and by the comparisons of each; green is not."""
        level, look = 1 - confidence_level, look_at(1, 1, max(1, evaluations))
        return cls(level * look.share, level * look.red_share / max(1, comparisons), power)

    def of_colour(self, colour: Colour) -> float:
        """The level of red or of green."""
        return self.red if colour == "red" else self.passing

    def sway(self, gates: int) -> float:
        """Standard error of a drop that is found with the wanted power in so many simulated gates, as a share of it.

        The power's own, divided by its slope under the normal approximation. Of a number of cases it is twice that.
        """
        z = _z(1 - self.power)
        slope = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z + _z(self.red))
        return math.sqrt(self.power * (1 - self.power) / gates) / slope


@dataclass(frozen=True, slots=True)
class VerdictShares:
    """The shares of red and green verdicts of an evaluation where one thing is true.

    Attributes:
        cases: that the verdict rests on, on average.
        gates: that were simulated.
    """

    red: float
    green: float
    cases: float
    gates: int

    @property
    def standard_error(self) -> float:
        """The larger one of the shares: Agresti and Coull's, so that none of few gates is not 0."""
        steadied = ((share * self.gates + 2) / (self.gates + 4) for share in (self.red, self.green))
        return max(math.sqrt(each * (1 - each) / (self.gates + 4)) for each in steadied)


@functools.lru_cache(maxsize=1024)
def simulate_gates(shape: Shape, drop: float | None, levels: ErrorRates, n_gates: int, seed: int = 0) -> VerdictShares:
    """Simulate how so many gates end whose candidate is lower by so much, as for `true_means`.

    Those of one seed have the same draws for every drop.
    """
    look = Look(red_share=levels.red / levels.passing, batch=CLOSED)
    entries = (simulated(shape, drop, np.random.default_rng([seed, gate])) for gate in range(n_gates))
    verdicts = [decide([each], 1 - levels.passing, looks={each.id: look}, tells_lost=False)[0] for each in entries]
    red = sum(each.verdict.is_red for each in verdicts) / n_gates
    green = sum(each.verdict is VerdictKind.PASSED for each in verdicts) / n_gates
    return VerdictShares(red, green, sum(each.n_cases for each in verdicts) / n_gates, n_gates)


@dataclass(frozen=True, slots=True)
class Simulation:
    """Gates of one evaluation, so many of them for each answer."""

    levels: ErrorRates
    n_gates: int
    seed: int = 0

    def outlook(self, shape: Shape, drop: float | None) -> VerdictShares:
        """Tell what becomes of an evaluation whose candidate is lower by so much; None for `unchanged`."""
        drop, cases = unchanged(shape) if drop is None else drop, min(shape.cases, SIMULATED_CASES)
        wider = max(1.0, min(math.sqrt(shape.cases / cases), shape.deepest / max(drop, shape.margin, _FINEST_DROP)))
        asked = replace(shape, name="", doubts=(), cases=cases, margin=shape.margin * wider)
        simulated = simulate_gates(asked, drop * wider, self.levels, self.n_gates, self.seed)
        return replace(simulated, cases=shape.cases if shape.design == "fixed" else simulated.cases * wider**2)

    def smallest_drop(self, shape: Shape) -> float | None:
        """The smallest drop that is red with the wanted power; None where the largest possible is not.

        One within the margin may pass: the margin itself is the smallest that is looked for.
        """
        least = max(shape.margin, _FINEST_DROP)
        guess = (_z(self.levels.red) - _z(self.levels.power)) * _sd(shape) / math.sqrt(shape.cases)
        return self._smallest(lambda drop: self._lacking(shape, drop, "red"), guess, least, shape.deepest)

    def cases_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest cases with which the drop is red and no change green, each with the wanted power.

        None where it takes more than 20,000.
        """
        guess, fewest = cases_by_normal(shape, drop, self.levels), fewest_cases(shape, self.levels)
        if guess is None or fewest is None or guess > MOST_CASES:
            return None
        return self._fewest(lambda n: replace(shape, cases=n), drop, guess, max(2, fewest), MOST_CASES)

    def samples_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest samples of each of the cases that there are, as for `cases_needed`; None for more than 1,000."""
        cases = cases_by_normal(replace(shape, samples=2), drop, self.levels)
        if cases is None or shape.is_repeatable:
            return None
        guess = math.ceil(2 * cases / shape.cases)
        return self._fewest(lambda n: replace(shape, samples=n), drop, guess, 1, _MOST_SAMPLES)

    def _fewest(self, sized: Callable[[int], Shape], drop: float, guess: int, least: int, most: int) -> int | None:
        """The fewest cases or samples with which the drop is red and no change green."""

        def lacking(number: float) -> float:
            shape = sized(math.ceil(number))
            factor = self._lacking(shape, None, "green")
            return (factor if factor > 1 else max(factor, self._lacking(shape, drop, "red"))) ** 2

        smallest = self._smallest(lacking, guess, least, most)
        return None if smallest is None else math.ceil(smallest)

    def _lacking(self, shape: Shape, drop: float | None, colour: Colour) -> float:
        """Give the factor by which the truth must lie farther off to have the wanted power; 1 or less where it has it.

        The share of this colour is taken for that of a normal test.
        """
        power, z = self.levels.power, _z(self.levels.of_colour(colour))
        share: float = getattr(self.outlook(shape, drop), colour)
        factor = (z - _z(power)) / max(0.1, z - _z(min(max(share, 0.01), 0.99)))
        return min(factor, 1.0) if share >= power else min(max(factor, 1.001), _LARGEST_STEP)

    def _smallest(self, lacking: Callable[[float], float], start: float, least: float, most: float) -> float | None:
        """The smallest number that lacks nothing, as near as chance in the simulation lets it be told, in few trials.

        Args:
            lacking: by which factor a number must grow, or may shrink; where `most` must grow, the result is None.
        """
        close = self.levels.sway(self.n_gates)
        low, high, number = 0.0, math.inf, min(max(start, least), most)
        while True:
            factor = lacking(number)
            if factor > 1 and number >= most:
                return None
            low, high = (low, number) if factor <= 1 else (number, high)
            if 1 - close <= factor <= 1 or high <= max(least, low / (1 - close)):
                return high
            number = max(number * factor * (1 + close / 2), least)
            if not low < number < high:
                number = _LARGEST_STEP * low if high == math.inf else (low + high) / 2
            number = min(number, most)


def fewest_cases(shape: Shape, levels: ErrorRates) -> int | None:
    """With how many cases a perfect candidate passes, at least: one like the baseline in every sample, or always right.

    None where it takes more than 20,000 of them.
    """
    if shape.margin == 0 and shape.threshold in (None, 1.0):
        return None
    return first_that(lambda cases: _perfect_passes(replace(shape, cases=cases), levels), 2, MOST_CASES)


def smallest_margin(shape: Shape, levels: ErrorRates) -> float | None:
    """The smallest margin, in steps of 0.01, with which a perfect candidate passes in a suite of this size, if any."""
    smallest = first_that(lambda hundredths: _perfect_passes(replace(shape, margin=hundredths / 100), levels), 1, 99)
    return None if smallest is None else smallest / 100


def _perfect_passes(shape: Shape, levels: ErrorRates) -> bool:
    ones = np.ones((shape.cases, shape.samples))
    entry = observed(shape, ones, ones if shape.threshold is None else None)
    return decide([entry], 1 - levels.passing, tells_lost=False)[0].verdict is VerdictKind.PASSED


def unchanged(shape: Shape) -> float:
    """The drop that stands for no change: other answers and the same mean, or, against a threshold, the mean as it is.

    As `true_means` takes it.
    """
    return 0.0 if shape.threshold is None else shape.threshold - shape.spread.mean


def is_detectable(drop: float, margin: float, levels: ErrorRates) -> bool:
    """Tell whether a suite can be large enough to find the drop: one within the margin passes in any large suite."""
    return drop > margin or (drop == margin and levels.power <= 1 - levels.passing)


def cases_by_normal(shape: Shape, drop: float, levels: ErrorRates) -> int | None:
    """With how many cases the drop is red and no change green, by the normal approximation; None where with none.

    Sources: E. Miller (2024), Adding error bars to evals, arXiv:2411.00640, section 5. Bounds of lopsided scores take
    some more: of the order of the second term of Bernstein's inequality.
    """
    room, draws = shape.margin - unchanged(shape), shape.draws if shape.about == "suite" else 1
    if min(drop, room) <= 0 or not is_detectable(drop, shape.margin, levels):
        return None

    def cases(level: float, by: float) -> float:
        return ((_z(level) - _z(levels.power)) * _sd(shape) / by) ** 2 - math.log(level) / (draws * by)

    return max(2, math.ceil(max(cases(levels.red, drop), cases(levels.passing, room))))


def _sd(shape: Shape) -> float:
    """Standard deviation of what a case shows, in a test that takes as many cases."""
    return max(shape.case_sd, 1e-12) * (math.sqrt(_SEQUENTIAL) if shape.design == "sequential" else 1.0)


def _z(level: float) -> float:
    return -float(special.ndtri(level))


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
    elif not is_detectable(drop, shape.margin, levels):
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
