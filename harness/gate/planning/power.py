"""Finds by simulation with the gate's own rule what a gate of a given size finds, and the size for a given drop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from harness.decisions import look_at
from harness.decisions.suite import EARLY_SHARE, SMALL_SHARE, may_pass_early
from harness.gate.planning.settling import Colour, Ends, ends_of, fewest_cases
from harness.gate.planning.simulation import Shape
from harness.statistics.planning import minimum_detectable_difference, required_cases

MOST_CASES = 20_000
"""Larger suites are not looked for."""
SIMULATED_CASES = 1_000
"""Figures of larger suites are computed: each gate would take too long."""
_MOST_SAMPLES = 1_000
_FINEST_DROP = 0.001
_CLOSE_ENOUGH = 0.03
_LARGEST_STEP = 1.5
#: How many times the cases of a t test bets take, as simulations of some 1,000 cases find.
_BETS = 1.2


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
        z = _z(1 - self.power)
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
    """Gates of one evaluation, the same draws again for each question; so many of them for each answer."""

    def __init__(self, levels: ErrorRates, n_gates: int, seed: int = 0) -> None:
        self.levels = levels
        self._n_gates = n_gates
        self._seed = seed
        self._known: dict[tuple[Shape, float | None], Ends] = {}

    def outlook(self, shape: Shape, drop: float | None) -> VerdictShares:
        """Tell what becomes of an evaluation whose candidate is lower by so much; None for `unchanged`."""
        if shape.cases > SIMULATED_CASES:
            return _computed(shape, drop, self.levels)
        ends = self._ends(shape, unchanged(shape) if drop is None else drop)
        red, green = (Share(ends.share(colour), ends.gates) for colour in ("red", "green"))
        return VerdictShares(drop, red, green, ends.cases)

    def smallest_drop(self, shape: Shape) -> float | None:
        """The smallest drop that is red with the wanted power, within 3 %; None where the largest possible is not.

        One within the margin may pass: the margin itself is the smallest that is looked for.
        """
        guess = max(drop_by_normal(shape, self.levels), shape.margin, _FINEST_DROP)
        if shape.cases > SIMULATED_CASES:
            return guess if guess <= shape.deepest else None
        if guess == shape.margin and self._lacking(shape, guess, "red") <= 1:
            return guess
        found = _smallest(lambda drop: self._lacking(shape, drop, "red"), guess, shape.deepest, _FINEST_DROP)
        return None if found is None else min(max(found, shape.margin), shape.deepest)

    def cases_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest cases with which the drop is red and no change green, each with the wanted power, within 3 %.

        By the normal approximation where it would be more cases than are simulated. None where it takes more than
        20,000 of them.
        """
        guess = cases_by_normal(shape, drop, self.levels) if 0 < drop <= shape.deepest else None
        if guess is None:
            return None
        found = None
        if guess <= SIMULATED_CASES:
            found = _smallest(lambda n: self._lacking_both(replace(shape, cases=int(n)), drop), guess, SIMULATED_CASES)
        if found is None:
            fewest = fewest_cases(shape, self.levels.pair, MOST_CASES)
            found = None if fewest is None else max(guess, fewest, SIMULATED_CASES + 1)
        return None if found is None or found > MOST_CASES else int(found)

    def samples_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest samples of each of the cases that there are, as for `cases_needed`; None for more than 1,000."""
        cases = cases_by_normal(replace(shape, samples=2), drop, self.levels)
        if cases is None or shape.cases > SIMULATED_CASES:
            return None
        guess = max(1, math.ceil(2 * cases / shape.cases))
        found = _smallest(lambda n: self._lacking_both(replace(shape, samples=int(n)), drop), guess, _MOST_SAMPLES)
        return None if found is None else int(found)

    def _lacking_both(self, shape: Shape, drop: float) -> float:
        """As `_lacking`, of the drop that should be red and of no change that should be green: in cases or samples."""
        factor = self._lacking(shape, drop, "red")
        if factor <= 1:
            factor = max(factor, self._lacking(shape, unchanged(shape), "green"))
        return factor**2

    def _lacking(self, shape: Shape, drop: float | None, colour: Colour) -> float:
        """Give the factor by which the truth must lie farther off to have the wanted power; 1 or less where it has it.

        The share of this colour is taken for that of a normal test.
        """
        power, level = self.levels.power, self.levels.red if colour == "red" else self.levels.passing
        share = self._ends(shape, drop).share(colour)
        factor = (_z(1 - power) + _z(level)) / max(0.1, _z(1 - min(max(share, 0.01), 0.99)) + _z(level))
        return min(factor, 1.0) if share >= power else min(max(factor, 1.001), _LARGEST_STEP)

    def _ends(self, shape: Shape, drop: float | None) -> Ends:
        asked = replace(shape, name=""), drop
        if asked not in self._known:
            self._known[asked] = ends_of(*asked, self.levels.pair, self._n_gates, np.random.default_rng(self._seed))
        return self._known[asked]


def _smallest(lacking: Callable[[float], float], start: float, most: float, finest: float = 1) -> float | None:
    """The smallest number that lacks nothing, within 3 % or `finest`, in few trials; None where the largest one does.

    Args:
        lacking: by which factor a number must grow, or may shrink.
        finest: 1 for whole numbers.

    >>> round(_smallest(lambda x: 0.2 / x, 0.5, 1.0, 0.001), 2)
    0.2
    """
    low, high, number = 1.0 if finest == 1 else 0.0, math.inf, min(start, most)
    while True:
        factor = lacking(number)
        if factor <= 1:
            high = number
        elif number >= most:
            return None
        else:
            low = number
        if high < math.inf and high - low <= max(finest, _CLOSE_ENOUGH * high):
            return high
        aim = number * factor * (1 + math.copysign(_CLOSE_ENOUGH / 2, factor - 1))
        aim = math.ceil(aim) if finest == 1 else aim
        if not low < aim < high:
            aim = _LARGEST_STEP * number if high == math.inf else (low + high) / 2
            aim = math.floor(aim) if finest == 1 else aim
        number = min(aim, most)


def unchanged(shape: Shape) -> float | None:
    """The drop that stands for no change: other answers and the same mean, or, against a threshold, the mean as it is.

    As `true_means` takes it.
    """
    return 0.0 if shape.threshold is None else shape.threshold - shape.spread.mean


def cases_by_normal(shape: Shape, drop: float, levels: ErrorRates) -> int | None:
    """With how many cases the drop is red and no change green, by a t test; None where no number of cases does that."""
    room = shape.margin - (unchanged(shape) or 0.0)
    if min(drop, room) <= 0 or not can_be_found(drop, shape.margin, levels):
        return None
    if shape.case_sd == 0:
        return 2
    at = _at_the_end(shape, levels)
    found = [
        required_cases(by, shape.case_sd, level, levels.power) for by, level in ((drop, at.red), (room, at.passing))
    ]
    return None if None in found else math.ceil(max(each or 0 for each in found) * _more(shape))


def drop_by_normal(shape: Shape, levels: ErrorRates) -> float:
    """The smallest drop that is red with the wanted power, by a t test.

    What is drawn whole is red where the mean is seen so low that it is worse, and that it does not pass.
    """
    if shape.case_sd == 0:
        return 0.0
    levels = _at_the_end(shape, levels)
    found = minimum_detectable_difference(shape.cases, shape.case_sd, levels.red, levels.power)
    if _more(shape) > 1:
        return found * math.sqrt(_more(shape))
    return max(found, shape.margin - (_z(levels.passing) - _z(1 - levels.power)) * _error(shape))


def can_be_found(drop: float, margin: float, levels: ErrorRates) -> bool:
    """Tell whether a suite can be large enough to find the drop: one within the margin passes in any large suite."""
    return drop > margin or (drop == margin and levels.power <= 1 - levels.passing)


def _at_the_end(shape: Shape, levels: ErrorRates) -> ErrorRates:
    """Those that are left when the last case decides: about the suite a part is kept for stopping early."""
    if shape.about == "population" or shape.design == "fixed":
        return levels
    early = EARLY_SHARE if may_pass_early(shape.cases, shape.margin, levels.passing) else SMALL_SHARE
    return replace(levels, passing=levels.passing * (1 - early), red=levels.red * (1 - EARLY_SHARE))


def _more(shape: Shape) -> float:
    """How many times the cases of a t test it takes: bets about the population take more."""
    return _BETS if shape.design == "sequential" and shape.about == "population" else 1.0


def _error(shape: Shape) -> float:
    """Standard error of the mean, as far as it decides."""
    return max(shape.case_sd * math.sqrt(_more(shape) / shape.cases), 1e-12)


def _computed(shape: Shape, drop: float | None, levels: ErrorRates) -> VerdictShares:
    """By the normal approximation, of a suite that is too large to be simulated."""
    lower = (unchanged(shape) or 0.0) if drop is None else drop
    error, levels = _error(shape), _at_the_end(shape, levels)
    passing, red = _z(levels.passing) * error, _z(levels.red) * error
    chances = ((lower - max(red, shape.margin - passing)) / error, (shape.margin - lower - passing) / error)
    red_share, green = (Share(float(special.ndtr(chance))) for chance in chances)
    return VerdictShares(drop, red_share, green, float(shape.cases) if shape.design == "fixed" else None)


def _z(level: float) -> float:
    return -float(special.ndtri(level))
