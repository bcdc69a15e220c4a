"""What a gate of a given size finds, and the size that finds a given drop: by simulation with the gate's own rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from harness.decisions import look_at
from harness.gate.searching import LARGEST_STEP, smallest
from harness.gate.settling import Colour, Ends, ends_of, fewest_cases
from harness.gate.simulation import Shape
from harness.statistics.planning import minimum_detectable_difference, required_cases, required_samples

MOST_CASES = 20_000
"""Larger suites are not looked for."""
SIMULATED_CASES = 1_000
"""Larger suites are not simulated unless the number of gates is given: each gate takes too long."""
_FINEST_DROP = 0.001
_TWO_ERRORS = 2.0
#: How many times the cases of a t test a design takes, as simulations of some 1,000 cases find.
_MORE = {"fixed": 1.0, "sequential": 1.2}
#: A first part of the gates suffices where what is asked lies so many standard errors away.
_FIRST_PART = 4
_FAR = 3.5


@dataclass(frozen=True, slots=True)
class Levels:
    """Error rates of one comparison: at which it passes, and what it may spend by itself on a false red.

    Attributes:
        power: the share of gates that should find what is to be found.
    """

    passing: float
    red: float
    power: float = 0.8

    @classmethod
    def of(cls, confidence_level: float, evaluations: int, comparisons: int = 1, power: float = 0.8) -> Levels:
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
        """What chance in the simulation leaves open: Agresti and Coull's, so that none of few gates is not 0."""
        if not self.gates:
            return 0.0
        steadied = (self.value * self.gates + 2) / (self.gates + 4)
        return math.sqrt(steadied * (1 - steadied) / (self.gates + 4))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of an evaluation where one thing is true.

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
        n_gates: how many each answer rests on.
        advance: called after each answer.
        quick: leave suites of more than 1,000 cases to the normal approximation, and take a t test's answer for a
            fixed design where simulations do not contradict it.
    """

    def __init__(
        self,
        levels: Levels,
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
        self._most = SIMULATED_CASES if quick else MOST_CASES
        self._known: dict[tuple[Shape, float | None], Ends] = {}

    def outlook(self, shape: Shape, drop: float | None) -> Outlook:
        """What becomes of an evaluation whose candidate is lower by so much; None for `unchanged`."""
        actual = unchanged(shape) if drop is None else drop
        if shape.about == "suite" or shape.cases > self._most:
            return _computed(shape, drop, self.levels)
        ends = self._ends(shape, actual, self._n_gates)
        self._advance()
        return Outlook(drop, Share(ends.share("red"), ends.gates), Share(ends.share("green"), ends.gates), ends.cases)

    def smallest_drop(self, shape: Shape) -> float | None:
        """The smallest drop that is red with the wanted power, within 3 %; None where the largest possible is not."""
        guess = drop_by_normal(shape, self.levels)
        if shape.about == "suite" or shape.cases > self._most:
            return guess if 0 < guess <= shape.deepest else None

        def lacking(drop: float) -> float:
            return self._lacking(shape, drop, "red")

        start = max(guess, _FINEST_DROP)
        return smallest(lacking, start, shape.deepest, _FINEST_DROP, leans=self._leans(shape))

    def cases_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest cases with which the drop is red and no change green, each with the wanted power, within 3 %.

        By the normal approximation where that is all that it takes: about the suite itself, and where it would be more
        cases than are simulated. None where it takes more than 20,000 of them.
        """
        if not 0 < drop <= shape.deepest:
            return None
        guess = cases_by_normal(shape, drop, self.levels)
        if guess is None or shape.about == "suite" or guess > self._most:
            return None if guess is None else _within_reach(guess)
        harder_first = drop / _z(self.levels.red) < room(shape) / _z(self.levels.passing)

        def lacking(cases: float) -> float:
            sized = replace(shape, cases=int(cases))
            asked: list[tuple[float | None, Colour]] = [(drop, "red"), (unchanged(sized), "green")]
            factor = 0.0
            for actual, colour in asked if harder_first else reversed(asked):
                factor = max(factor, self._lacking(sized, actual, colour) ** 2)
                if factor > 1:  # the other need not be known
                    break
            return factor

        start = max(2, guess, (fewest_cases(shape, self.levels.pair, MOST_CASES) or 0) if self._leans(shape) else 0)
        found = smallest(lacking, start, self._most, 1, leans=self._leans(shape))
        if found is None and self._most < MOST_CASES:
            return _within_reach(max(math.ceil(1.1 * guess), self._most + 1))
        return None if found is None else int(found)

    def _leans(self, shape: Shape) -> float:
        """What a number may lack where it is a t test's answer, or grown from it: what chance explains.

        So a fixed design's figures are a t test's unless simulations contradict them.
        """
        if not self._is_quick or shape.design == "sequential":
            return 1.0
        return 1 + _TWO_ERRORS * self.levels.sway(self.levels.passing, self._n_gates)

    def _lacking(self, shape: Shape, drop: float | None, colour: Colour) -> float:
        """How many times as far from what is tested the truth must lie to have the wanted power; 1 or less: it has.

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
        """How at least so many gates end; those that are known are not simulated again."""
        sized = replace(shape, name="")
        known = self._known.get((sized, drop), Ends())
        lacking = n_gates - known.gates
        if lacking > 0:
            rng = np.random.default_rng([self._seed, known.gates])
            known += ends_of(sized, drop, self.levels.pair, lacking, rng)
            self._known[sized, drop] = known
            self.simulated += lacking
        return known


def unchanged(shape: Shape) -> float | None:
    """The drop that stands for no change: other answers and the same mean, or, against a threshold, the mean as it is.

    As `true_means` takes it.
    """
    return 0.0 if shape.threshold is None else shape.threshold - shape.spread.mean


def room(shape: Shape) -> float:
    """How far a candidate that is no worse lies above what must not pass."""
    return shape.margin if shape.threshold is None else shape.spread.mean - shape.threshold + shape.margin


def cases_by_normal(shape: Shape, drop: float, levels: Levels) -> int | None:
    """With how many cases the drop is red and no change green, by a t test, or by the normal formula about the suite.

    None where no number of cases does that.
    """
    distances = ((drop, levels.red), (room(shape), levels.passing))
    if min(distance for distance, _ in distances) <= 0 or not can_be_found(drop, shape.margin, levels):
        return None
    if shape.between_sd == shape.within_sd == 0:
        return 2
    sd, power = (shape.between_sd, shape.within_sd), levels.power
    try:
        if shape.about == "suite":
            samples = max(required_samples(by, sd[1], 1 - level, power, "greater") for by, level in distances)
            return math.ceil(samples / shape.samples)
        cases = max(required_cases(by, *sd, shape.samples, 1 - level, power, "greater") for by, level in distances)
    except ValueError:  # too small to be found with any number of cases
        return None
    return math.ceil(cases * _MORE[shape.design])


def drop_by_normal(shape: Shape, levels: Levels) -> float:
    """The smallest drop that is red with the wanted power, by a t test, or by the normal formula about the suite.

    What is drawn whole is red where the mean is seen so low that it is worse, and that it does not pass.
    """
    if shape.between_sd == shape.within_sd == 0:
        return 0.0
    error, z = _error(shape), float(special.ndtri(levels.power))
    found = (_z(levels.red) + z) * error
    if shape.about == "population":
        sd = shape.between_sd, shape.within_sd
        found = minimum_detectable_difference(shape.cases, *sd, shape.samples, 1 - levels.red, levels.power, "greater")
        found *= math.sqrt(_MORE[shape.design])
        if shape.design == "sequential":
            return found
    return max(found, shape.margin - (_z(levels.passing) - z) * error)


def can_be_found(drop: float, margin: float, levels: Levels) -> bool:
    """Whether a suite may be large enough: what lies within the margin passes in a large one, whatever its size."""
    return drop > margin or (drop == margin and levels.power <= 1 - levels.passing)


def _error(shape: Shape) -> float:
    """Standard error of the mean: over the cases that there are only their samples are left to chance."""
    within = shape.within_sd**2 / shape.samples
    if shape.about == "suite":
        return math.sqrt(within / shape.cases)
    return math.sqrt((shape.between_sd**2 + within) * _MORE[shape.design] / shape.cases)


def _computed(shape: Shape, drop: float | None, levels: Levels) -> Outlook:
    """By the normal approximation: about the suite, drawn whole; and for one that is too large to be simulated."""
    lower = drop if drop is not None else unchanged(shape) or 0.0
    error = max(_error(shape), 1e-12)
    red_below = max(_z(levels.red) * error, shape.margin - _z(levels.passing) * error)
    red = float(special.ndtr((lower - red_below) / error))
    green = float(special.ndtr((shape.margin - lower) / error - _z(levels.passing)))
    is_whole = shape.about == "suite" or shape.design == "fixed"
    return Outlook(drop, Share(red), Share(green), float(shape.cases) if is_whole else None)


def _z(level: float) -> float:
    return -float(special.ndtri(level))


def _within_reach(cases: int) -> int | None:
    return cases if cases <= MOST_CASES else None
