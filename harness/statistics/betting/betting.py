"""Betting on bounded numbers: e-processes for their mean, and confidence sequences that hold at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, as_count, as_floats, as_number, check_confidence

#: Fractions of the largest bet that can't be ruined; evenly spaced on a log scale, because the best one is not known.
_FRACTIONS = np.geomspace(0.01, 0.95, 20)
#: Around a bet tuned to an expected mean and spread.
_AROUND = np.geomspace(1 / 4, 3, 8)


@dataclass(frozen=True, slots=True)
class EProcess:
    """Evidence against a mean, after each number.

    Attributes
    ----------
    log_e : (n,) natural logarithm of the e-value after each number; e reaches 1 / level with a chance of at most
        `level`, whenever one looks
    """

    log_e: FloatArray
    _log_wealth: FloatArray
    _bets: FloatArray
    _null_mean: float
    _bounds: tuple[float, float]

    @property
    def log_e_value(self) -> float:
        """The latest evidence; 0 before the first number."""
        return float(self.log_e[-1]) if len(self.log_e) else 0.0

    def extend(self, differences: npt.ArrayLike) -> EProcess:
        """The process after more numbers; the same as if all had been given at once.

        Raises:
            ValueError: a number outside the bounds, or NaN.
        """
        values = _bounded(differences, self._bounds)
        steps = np.log1p(self._bets[:, np.newaxis] * (values - self._null_mean))
        paths = self._log_wealth[:, np.newaxis] + np.cumsum(steps, axis=1)
        log_e = special.logsumexp(paths, axis=0) - math.log(len(self._bets))
        return replace(
            self,
            log_e=np.concatenate([self.log_e, log_e]),
            _log_wealth=paths[:, -1] if len(values) else self._log_wealth,
        )


def betting_e_process(
    differences: npt.ArrayLike,
    null_mean: float = 0.0,
    alternative: Literal["greater", "less"] = "greater",
    *,
    bounds: tuple[float, float] = (-1.0, 1.0),
    expected: tuple[float, float] | None = None,
) -> EProcess:
    """Evidence that the mean of bounded numbers is above (or below) `null_mean`, valid at any stopping time.

    Each bet stakes a constant share of the wealth on the next number lying above the null mean; the process is the mean
    wealth of bets from small to large. As long as each number's mean, given those before, is the null mean or less (for
    "greater"), no bet gains in expectation, whatever the distribution. For paired differences and a margin m,
    `null_mean=-m` gathers evidence for "no worse by more than m", `null_mean=0, alternative="less"` for "worse".

    Parameters
    ----------
    differences : (n,) numbers within the bounds, in the order drawn
    null_mean : strictly within the bounds
    alternative : "greater" speaks for a mean above `null_mean`, "less" for one below
    bounds : of every number; (0, 1) for scores, (-1, 1) for their differences
    expected : mean and standard deviation to tune the bets to; the validity does not depend on it

    References
    ----------
    I. Waudby-Smith, A. Ramdas (2024), Estimating means of bounded random variables by betting, J. R. Statistical
    Society B 86:1-27; the mixture of constant bets is T. Cover's (1991) universal portfolio, Mathematical
    Finance 1:1-29.

    Examples
    --------
    >>> process = betting_e_process([0.0] * 100, null_mean=-0.05)
    >>> round(process.log_e_value, 2)
    2.5
    """
    low, high = _check_bounds(bounds)
    if not low < as_number(null_mean, "null_mean") < high:
        raise ValueError(f"null_mean = {null_mean!r} is not strictly within the bounds {bounds!r}.")
    if alternative not in ("greater", "less"):
        raise ValueError(f"alternative = {alternative!r} is not one of 'greater', 'less'.")
    sign = 1.0 if alternative == "greater" else -1.0
    largest = 1 / (null_mean - low if sign > 0 else high - null_mean)
    bets = largest * _FRACTIONS
    if expected is not None:
        mean, spread = (as_number(each, "expected") for each in expected)
        gain = sign * (mean - null_mean)
        if not (gain > 0 and spread >= 0 and math.isfinite(gain) and math.isfinite(spread)):
            raise ValueError(f"expected = {expected!r} has no mean on the side of the alternative, or no spread.")
        bets = np.minimum(gain / (spread**2 + gain**2) * _AROUND, 0.95 * largest)
    empty = EProcess(np.empty(0), np.zeros(len(bets)), sign * bets, float(null_mean), (low, high))
    return empty.extend(differences)


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """Mean so far with bounds after each number, (n,) each. All intervals together hold the mean at the level."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


def confidence_sequence(
    values: npt.ArrayLike,
    confidence_level: float = 0.95,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    resolution: int = 1000,
) -> ConfidenceSequence:
    """Intervals for the mean of bounded numbers after each of them, valid however one stops.

    A mean is ruled out once a bet against it has reached 2 / (1 - confidence_level). Bounds never move back.

    Parameters
    ----------
    values : (n,) numbers within the bounds, in the order drawn
    confidence_level : in (0, 1)
    bounds : of every number
    resolution : candidate means to try between the bounds; intervals are rounded outwards to them

    References
    ----------
    Waudby-Smith and Ramdas (2024), as for `betting_e_process`; bets that are constant fractions leave an interval.

    Examples
    --------
    >>> sequence = confidence_sequence([1.0] * 59)
    >>> round(float(sequence.low[-1]), 2), float(sequence.high[-1])
    (0.89, 1.0)
    """
    tail = (1 - check_confidence(confidence_level)) / 2
    low, high = _check_bounds(bounds)
    as_count(resolution, "resolution", 2)
    scaled = (_bounded(values, (low, high)) - low) / (high - low)
    if not len(scaled):
        raise ValueError("values is empty: an interval needs at least one number.")
    lower = _ruled_out_below(scaled, tail, resolution)
    upper = 1 - _ruled_out_below(1 - scaled, tail, resolution)
    width = high - low
    means = low + width * np.cumsum(scaled) / np.arange(1, len(scaled) + 1)
    return ConfidenceSequence(means, low + width * lower, low + width * upper)


def _ruled_out_below(scaled: FloatArray, tail: float, resolution: int) -> FloatArray:
    """The largest candidate mean ruled out as too small, after each number in [0, 1]; 0 where there is none."""
    candidates = np.arange(1, resolution) / resolution
    # Stake c of the wealth on x / m - 1: wealth falls as m grows, for every x and c, so what is ruled out lies below.
    wealth = np.zeros((len(_FRACTIONS), len(candidates)))
    stakes = (_FRACTIONS[:, np.newaxis] / candidates, 1 - _FRACTIONS[:, np.newaxis])
    limit = math.log(1 / tail) + math.log(len(_FRACTIONS))
    found = np.empty(len(scaled))
    reached = 0
    for step, value in enumerate(scaled):
        wealth += np.log(stakes[1] + stakes[0] * value)
        # Only a mean that is not ruled out yet can be: those below stay out for good.
        while reached < len(candidates) and _log_sum(wealth[:, reached]) >= limit:
            reached += 1
        found[step] = candidates[reached - 1] if reached else 0.0
    return found


def _log_sum(logs: FloatArray) -> float:
    largest = float(logs.max())
    return largest + math.log(float(np.exp(logs - largest).sum()))


def _check_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = (as_number(each, "bounds") for each in bounds)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"bounds = {bounds!r} are not two finite numbers, the smaller first.")
    return low, high


def _bounded(values: npt.ArrayLike, bounds: tuple[float, float]) -> FloatArray:
    array = as_floats(values, "values")
    if array.ndim != 1:
        raise ValueError(f"{array.ndim} dimensions; give a flat sequence of numbers in the order drawn.")
    if not bool(np.all((array >= bounds[0]) & (array <= bounds[1]))):
        raise ValueError(f"A number lies outside the bounds {bounds!r}, or is NaN.")
    return array
