"""What a gate of a given size finds, and the size that finds a given drop: by simulation with the gate's own rule."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from harness.decisions import Observed
from harness.decisions.betting import BettingContrast
from harness.decisions.hypotheses import hypotheses
from harness.gate.calibration import Rate
from harness.gate.simulation import Shape, observed, simulated
from harness.records import VerdictKind
from harness.statistics.planning import required_cases

MOST_CASES = 20_000
"""Larger suites are not looked for."""
_FINEST_DROP = 0.001
_CLOSE_ENOUGH = 1.03
_STEP = 1.25


@dataclass(frozen=True, slots=True)
class Levels:
    """Error rates of one comparison: at which it passes, and what it may spend by itself on a false red.

    Attributes:
        power: the share of gates that should find what is to be found.
    """

    passing: float
    red: float
    power: float = 0.8


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of an evaluation where one thing is true.

    Attributes:
        drop: how much lower the candidate truly is.
        cases: that the verdict rests on, on average.
    """

    drop: float | None
    red: Rate
    green: Rate
    cases: float


class Simulation:
    """Gates of one evaluation, the same draws again for each question.

    Args:
        n_gates: how many each answer rests on.
        advance: called after each answer.
    """

    def __init__(self, levels: Levels, n_gates: int, seed: int, advance: Callable[[], None] = lambda: None) -> None:
        self.levels = levels
        self._n_gates = n_gates
        self._seed = seed
        self._advance = advance

    def outlook(self, shape: Shape, drop: float | None) -> Outlook:
        """What becomes of an evaluation whose candidate is lower by so much; None for `unchanged`."""
        actual = unchanged(shape) if drop is None else drop
        ends = [
            settled(simulated(shape, actual, np.random.default_rng([self._seed, gate])), self.levels)
            for gate in range(self._n_gates)
        ]
        self._advance()
        return Outlook(
            drop=drop,
            red=Rate(sum(kind.is_red for kind, _ in ends), self._n_gates),
            green=Rate(sum(kind is VerdictKind.PASSED for kind, _ in ends), self._n_gates),
            cases=float(np.mean([cases for _, cases in ends])),
        )

    def smallest_drop(self, shape: Shape) -> float | None:
        """The smallest drop that is red with the wanted power; None where the largest possible is not."""
        low, high = 0.0, shape.deepest
        if self.outlook(shape, high).red.value < self.levels.power:
            return None
        while high - low > max(_FINEST_DROP, 0.02 * high):
            middle = (low + high) / 2
            if self.outlook(shape, middle).red.value < self.levels.power:
                low = middle
            else:
                high = middle
        return high

    def cases_needed(self, shape: Shape, drop: float) -> int | None:
        """The fewest cases with which the drop is red and no change green, each with the wanted power, within 3 %.

        None where it takes more than 20,000 of them.
        """
        if not 0 < drop <= shape.deepest:
            return None
        low = high = self._first_guess(shape, drop)
        if low > MOST_CASES:
            return None
        if self._suffices(shape, low, drop):
            while low > 2 and self._suffices(shape, low := max(2, int(low / _STEP)), drop):
                high = low
        else:
            while not self._suffices(shape, high := math.ceil(high * _STEP), drop):
                low = high
                if high > MOST_CASES:
                    return None
        while high > low * _CLOSE_ENOUGH and high - low > 1:
            middle = round((low + high) / 2)
            if self._suffices(shape, middle, drop):
                high = middle
            else:
                low = middle
        return high

    def _suffices(self, shape: Shape, cases: int, drop: float) -> bool:
        sized = replace(shape, cases=cases)
        power = self.levels.power
        return self.outlook(sized, drop).red.value >= power and self.outlook(sized, None).green.value >= power

    def _first_guess(self, shape: Shape, drop: float) -> int:
        """What the t test of a fixed design would need, for the harder of the two."""
        room = shape.margin if shape.threshold is None else shape.spread.mean - shape.threshold + shape.margin
        if room <= 0:
            return MOST_CASES + 1
        sizes = shape.between_sd, shape.within_sd, shape.samples
        if sizes[0] == sizes[1] == 0:
            return 2
        power = self.levels.power
        try:
            return max(
                required_cases(drop, *sizes, 1 - self.levels.red, power, "greater"),
                required_cases(room, *sizes, 1 - self.levels.passing, power, "greater"),
            )
        except ValueError:  # too small to be found with any number of cases
            return MOST_CASES + 1


def unchanged(shape: Shape) -> float | None:
    """The drop that stands for no change: other answers and the same mean, or, against a threshold, the mean as it is.

    As `true_means` takes it.
    """
    return 0.0 if shape.threshold is None else shape.threshold - shape.spread.mean


def settled(entry: Observed, levels: Levels) -> tuple[VerdictKind, int]:
    """The verdict on an evaluation's only comparison and the cases that it rests on, as `decide` gives them.

    Without the intervals and reasons of a report, which take most of its time.
    """
    (hypothesis,) = hypotheses(entry, (levels.passing, levels.red))
    contrast, n = hypothesis.contrast, len(entry.case_ids)
    red = VerdictKind.REGRESSED if hypothesis.against == "baseline" else VerdictKind.FAILED
    if isinstance(contrast, BettingContrast):
        passed, worse = contrast.passed_at(levels.passing), contrast.worse_at(levels.red)
        if worse is not None and (passed is None or worse < passed):
            return red, worse
        return (VerdictKind.INCONCLUSIVE, n) if passed is None else (VerdictKind.PASSED, passed)
    assert contrast is not None
    if contrast.lower(1 - levels.passing) > -entry.margin:
        return VerdictKind.PASSED, n
    return (red if contrast.upper(1 - levels.red) < 0 else VerdictKind.INCONCLUSIVE), n


def fewest_cases(shape: Shape, levels: Levels) -> int | None:
    """With how many cases a perfect candidate passes, at least: one like the baseline in every sample, or always right.

    None where it takes more than 20,000 of them.
    """
    return _first(lambda cases: _perfect_passes(replace(shape, cases=cases), levels), range(2, MOST_CASES + 1))


def smallest_margin(shape: Shape, levels: Levels) -> float | None:
    """The smallest margin, in steps of 0.01, with which a perfect candidate passes in a suite of this size, if any."""
    found = _first(lambda hundredths: _perfect_passes(replace(shape, margin=hundredths / 100), levels), range(1, 100))
    return None if found is None else found / 100


def _perfect_passes(shape: Shape, levels: Levels) -> bool:
    ones = np.ones((shape.cases, shape.samples))
    kind, _ = settled(observed(shape, ones, ones if shape.threshold is None else None), levels)
    return kind is VerdictKind.PASSED


def _first(holds: Callable[[int], bool], numbers: range) -> int | None:
    """The first of the numbers for which something holds that goes on to hold from there; None where there is none."""
    found = bisect.bisect_left(numbers, True, key=holds)
    return numbers[found] if found < len(numbers) else None
