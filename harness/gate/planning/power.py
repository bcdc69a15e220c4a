"""Finds by simulation with the gate's own rule what a gate of a given size finds, and the size for a given drop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from harness.decisions import look_at
from harness.gate.planning.halfwidths import expected
from harness.gate.planning.searching import LARGEST_STEP, smallest
from harness.gate.planning.settling import Colour, Ends, ends_of, fewest_cases
from harness.gate.planning.simulation import Shape
from harness.statistics.planning import minimum_detectable_difference, required_cases
from harness.statistics.searching import first_that, halved

MOST_CASES = 20_000
"""Larger suites are not looked for."""
MOST_SAMPLES = 1_000
"""More of each case are not looked for."""
SIMULATED_CASES = 1_000
"""Larger suites are not simulated unless the number of gates is given: each gate takes too long."""
_FINEST_DROP = 0.001
_TWO_ERRORS = 2.0
#: How many times the gates what was found is looked at once more with.
_MORE_GATES = 3
_HALVINGS = 20
#: How many times the cases of a t test a design takes, as simulations of some 1,000 cases find.
_MORE = {"fixed": 1.0, "sequential": 1.2}
#: A first part of the gates suffices where what is asked lies so many standard errors away.
_FIRST_PART = 4
_FAR = 3.5

Asked = list[tuple[float | None, Colour]]


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
        return cls(level * look.passing, level * look.red / max(1, comparisons), power)

    @property
    def pair(self) -> tuple[float, float]:
        """At which it passes, and at which it is red."""
        return self.passing, self.red

    def sway(self, level: float, gates: int) -> float:
        """Standard error of a drop that is found with the wanted power in so many simulated gates, as a share of it.

        The power's own, divided by its slope under the normal approximation. Of a number of cases it is twice that.
        """
        if not gates:
            return 0.0
        z = float(special.ndtri(self.power))
        slope = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z + _z(level))
        return math.sqrt(self.power * (1 - self.power) / gates) / slope


@dataclass(frozen=True, slots=True)
class Share:
    """A share of gates; of none where it is computed and not simulated."""

    value: float
    gates: int = 0

    @property
    def standard_error(self) -> float:
        """The error that chance in the simulation leaves: Agresti and Coull's, so that none of few gates is not 0."""
        if not self.gates:
            return 0.0
        steadied = (self.value * self.gates + 2) / (self.gates + 4)
        return math.sqrt(steadied * (1 - steadied) / (self.gates + 4))


@dataclass(frozen=True, slots=True)
class VerdictShares:
    """The shares of red and green verdicts of an evaluation where one thing is true.

    Attributes:
        drop: how much lower the candidate truly is.
        cases: that the verdict rests on, on average; None where that is not known.
    """

    drop: float | None
    red: Share
    green: Share
    cases: float | None


class Simulation:
    """Gates of one evaluation, the same draws again for each question.

    Attributes:
        simulated: how many gates were simulated so far.

    Args:
        n_gates: how many each answer rests on; 0 computes all of them.
        advance: called after each answer.
        quick: leave suites of more than 1,000 cases to the normal approximation, and take a t test's answer for a
            fixed design where simulations do not contradict it.
    """

    def __init__(
        self,
        levels: ErrorRates,
        n_gates: int,
        seed: int,
        advance: Callable[[], None] = lambda: None,
        *,
        quick: bool = False,
    ) -> None:
        self.levels = levels
        self.simulated = 0
        self._n_gates = n_gates
        self._seed = seed
        self._advance = advance
        self._is_quick = quick
        self._most = 0 if n_gates == 0 else SIMULATED_CASES if quick else MOST_CASES
        self._known: dict[tuple[Shape, float | None], Ends] = {}

    def outlook(self, shape: Shape, drop: float | None) -> VerdictShares:
        """Tell what becomes of an evaluation whose candidate is lower by so much; None for `unchanged`."""
        actual = unchanged(shape) if drop is None else drop
        if shape.cases > self._most:
            return _computed(shape, drop, self.levels)
        ends = self._ends(shape, actual, self._n_gates)
        self._advance()
        return VerdictShares(
            drop, Share(ends.share("red"), ends.gates), Share(ends.share("green"), ends.gates), ends.cases
        )

    def smallest_drop(self, shape: Shape) -> float | None:
        """The smallest drop that is red with the wanted power, within 3 %; None where the largest possible is not.

        One within the margin may pass: the margin itself is the smallest that is looked for.
        """
        guess = max(drop_by_normal(shape, self.levels), shape.margin, _FINEST_DROP)
        if shape.cases > self._most:
            return guess if guess <= shape.deepest else None

        def lacking(drop: float) -> float:
            return self._lacking(shape, drop, "red")

        if guess == shape.margin and lacking(guess) <= 1:
            return guess
        found = smallest(lacking, guess, shape.deepest, _FINEST_DROP, leans=self._leans(shape))
        if found is None:
            return None
        return min(max(found * self._once_more(shape, [(found, "red")]), shape.margin), shape.deepest)

    def cases_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest cases with which the drop is red and no change green, each with the wanted power, within 3 %.

        By the normal approximation where it would be more cases than are simulated. None where it takes more than
        20,000 of them.
        """
        if not 0 < drop <= shape.deepest:
            return None
        guess = cases_by_normal(shape, drop, self.levels)
        if guess is None or guess > self._most:
            return None if guess is None else _within_reach(guess)

        def lacking(cases: float) -> float:
            return self._lacking_both(replace(shape, cases=int(cases)), drop) ** 2

        start = max(2, guess, (fewest_cases(shape, self.levels.pair, MOST_CASES) or 0) if self._leans(shape) > 1 else 0)
        found = smallest(lacking, start, self._most, 1, leans=self._leans(shape))
        if found is None and self._most < MOST_CASES:
            return _within_reach(max(math.ceil(1.1 * guess), self._most + 1))
        if found is None:
            return None
        sized = replace(shape, cases=int(found))
        return _within_reach(math.ceil(found * self._once_more(sized, _asked(sized, drop)) ** 2))

    def samples_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest samples of each of the cases that there are, as for `cases_needed`; about the suite alone.

        None where it takes more than 1,000 of them.
        """
        guess = first_that(
            lambda samples: _has_power(replace(shape, samples=samples), drop, self.levels), 1, MOST_SAMPLES
        )
        if guess is None or shape.cases > self._most:
            return guess

        def lacking(samples: float) -> float:
            return self._lacking_both(replace(shape, samples=int(samples)), drop) ** 2

        found = smallest(lacking, guess, MOST_SAMPLES, 1, leans=1.0)
        return None if found is None else int(found)

    def _lacking_both(self, shape: Shape, drop: float) -> float:
        """As `_lacking`, of the drop that should be red and of no change that should be green."""
        asked = _asked(shape, drop)
        if drop / _z(self.levels.red) >= room(shape) / _z(self.levels.passing):
            asked.reverse()
        factor = 0.0
        for actual, colour in asked:
            factor = max(factor, self._lacking(shape, actual, colour))
            if factor > 1:  # the other need not be known
                break
        return factor

    def _once_more(self, shape: Shape, asked: Asked) -> float:
        """By which factor what was found is too small after all, by more gates: the luckiest of some sizes is found.

        About the suite alone, where gates are quickly simulated.
        """
        if shape.about != "suite":
            return 1.0
        for actual, _ in asked:
            self._ends(shape, actual, _MORE_GATES * self._n_gates)
        return max(1.0, *(self._lacking(shape, actual, colour) for actual, colour in asked))

    def _leans(self, shape: Shape) -> float:
        """Give the factor by which a t test's answer, or a number grown from it, may fall short: what chance explains.

        So a fixed design's figures are a t test's unless simulations contradict them.
        """
        if not self._is_quick or shape.design == "sequential" or shape.about == "suite":
            return 1.0
        return 1 + _TWO_ERRORS * self.levels.sway(self.levels.passing, self._n_gates)

    def _lacking(self, shape: Shape, drop: float | None, colour: Colour) -> float:
        """Give the factor by which the truth must lie farther off to have the wanted power; 1 or less where it has it.

        The share of this colour is taken for that of a normal test. A part of the gates tells where it is far off.
        """
        power, level = self.levels.power, self.levels.red if colour == "red" else self.levels.passing
        part = max(1, self._n_gates // _FIRST_PART)
        share = self._ends(shape, drop, part).share(colour)
        if abs(share - power) <= _FAR * math.sqrt(power * (1 - power) / part):
            share = self._ends(shape, drop, self._n_gates).share(colour)
        inside = min(max(share, 0.01), 0.99)
        factor = (_z(1 - power) + _z(level)) / max(0.1, _z(1 - inside) + _z(level))
        return min(factor, 1.0) if share >= power else min(max(factor, 1.001), LARGEST_STEP)

    def _ends(self, shape: Shape, drop: float | None, n_gates: int) -> Ends:
        """Simulate how at least so many gates end; those that are known are not simulated again."""
        sized = replace(shape, name="")
        known = self._known.get((sized, drop), Ends())
        lacking = n_gates - known.gates
        if lacking > 0:
            rng = np.random.default_rng([self._seed, known.gates])
            known += ends_of(sized, drop, self.levels.pair, lacking, rng)
            self._known[sized, drop] = known
            self.simulated += lacking
        return known


def _asked(shape: Shape, drop: float) -> Asked:
    """List what should be red, and what green."""
    return [(drop, "red"), (unchanged(shape), "green")]


def unchanged(shape: Shape) -> float | None:
    """The drop that stands for no change: other answers and the same mean, or, against a threshold, the mean as it is.

    As `true_means` takes it.
    """
    return 0.0 if shape.threshold is None else shape.threshold - shape.spread.mean


def room(shape: Shape) -> float:
    """Measure how far a candidate that is no worse lies above what must not pass."""
    return shape.margin if shape.threshold is None else shape.spread.mean - shape.threshold + shape.margin


def cases_by_normal(shape: Shape, drop: float, levels: ErrorRates) -> int | None:
    """With how many cases the drop is red and no change green, by a t test, or by the bounds about the suite.

    None where no number of cases does that; about the suite also where it takes more than 20,000.
    """
    distances = ((drop, levels.red), (room(shape), levels.passing))
    if min(distance for distance, _ in distances) <= 0 or not can_be_found(drop, shape.margin, levels):
        return None
    if shape.about == "suite":
        return first_that(lambda cases: _has_power(replace(shape, cases=cases), drop, levels), 2, MOST_CASES)
    if shape.between_sd == shape.within_sd == 0:
        return 2
    sd, power = (shape.between_sd, shape.within_sd), levels.power
    try:
        cases = max(required_cases(by, *sd, shape.samples, 1 - level, power, "greater") for by, level in distances)
    except ValueError:  # too small to be found with any number of cases
        return None
    return math.ceil(cases * _MORE[shape.design])


def drop_by_normal(shape: Shape, levels: ErrorRates) -> float:
    """The smallest drop that is red with the wanted power, by a t test, or by the bounds about the suite.

    What is drawn whole is red where the mean is seen so low that it is worse, and that it does not pass.
    """
    if shape.about == "suite":
        return _bisected(lambda drop: _power_of_red(shape, drop, levels) >= levels.power, shape.deepest)
    if shape.between_sd == shape.within_sd == 0:
        return 0.0
    sd = shape.between_sd, shape.within_sd
    found = minimum_detectable_difference(shape.cases, *sd, shape.samples, 1 - levels.red, levels.power, "greater")
    found *= math.sqrt(_MORE[shape.design])
    if shape.design == "sequential":
        return found
    return max(found, shape.margin - (_z(levels.passing) - float(special.ndtri(levels.power))) * _error(shape))


def _bisected(holds: Callable[[float], bool], most: float) -> float:
    """About the smallest number up to `most` that holds, or a larger one where none does."""
    return halved(holds, 0.0, most, _HALVINGS)[1] if holds(most) else LARGEST_STEP * most


def _has_power(shape: Shape, drop: float, levels: ErrorRates) -> bool:
    """Tell whether a suite of this size finds the drop and passes what is no worse, each with the wanted power."""
    same = unchanged(shape) or 0.0
    return min(_power_of_red(shape, drop, levels), _power_of_green(shape, same, levels)) >= levels.power


def _power_of_red(shape: Shape, drop: float, levels: ErrorRates) -> float:
    seen = expected(shape, drop, levels.pair)
    return _chance(drop - max(seen.red, shape.margin - seen.passing), seen.error)


def _power_of_green(shape: Shape, drop: float, levels: ErrorRates) -> float:
    seen = expected(shape, drop, levels.pair)
    return _chance(shape.margin - drop - seen.passing, seen.error)


def _chance(distance: float, error: float) -> float:
    return float(special.ndtr(distance / max(error, 1e-12)))


def can_be_found(drop: float, margin: float, levels: ErrorRates) -> bool:
    """Tell whether a suite can be large enough to find the drop: one within the margin passes in any large suite."""
    return drop > margin or (drop == margin and levels.power <= 1 - levels.passing)


def _error(shape: Shape) -> float:
    """Standard error of the mean about the population."""
    return math.sqrt((shape.between_sd**2 + shape.within_sd**2 / shape.samples) * _MORE[shape.design] / shape.cases)


def _computed(shape: Shape, drop: float | None, levels: ErrorRates) -> VerdictShares:
    """By the normal approximation, of a suite that is too large to be simulated."""
    lower = drop if drop is not None else unchanged(shape) or 0.0
    is_whole = shape.design == "fixed"
    if shape.about == "suite":
        red, green = _power_of_red(shape, lower, levels), _power_of_green(shape, lower, levels)
    else:
        error = max(_error(shape), 1e-12)
        red = _chance(lower - max(_z(levels.red) * error, shape.margin - _z(levels.passing) * error), error)
        green = _chance(shape.margin - lower - _z(levels.passing) * error, error)
    return VerdictShares(drop, Share(red), Share(green), float(shape.cases) if is_whole else None)


def _z(level: float) -> float:
    return -float(special.ndtri(level))


def _within_reach(cases: int) -> int | None:
    return cases if cases <= MOST_CASES else None
