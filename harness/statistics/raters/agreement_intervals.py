"""Intervals of coefficients of agreement, also where no unit tells more than another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.statistics.arrays import FloatArray, check_confidence
from harness.statistics.spread import t_quantile

_POSTERIOR_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient of agreement (1: perfect, 0: as by chance) with its two-sided interval over units."""

    value: float
    standard_error: float
    low: float
    high: float
    n_units: int
    method: str


def posterior(
    table: FloatArray, kappa: Callable[[FloatArray], float], value: float, confidence_level: float
) -> Agreement:
    """Interval of Cohen's kappa by its posterior, see `cohen_kappa`, from draws that are the same in every call."""
    tail = (1 - check_confidence(confidence_level)) / 2
    units = int(table.sum())
    shares = np.random.default_rng(0).dirichlet(table.ravel() + 1 / table.size, _POSTERIOR_DRAWS)
    drawn = np.array([kappa(each.reshape(table.shape)) for each in shares])
    low, high = (float(bound) for bound in np.quantile(drawn, [tail, 1 - tail]))
    method = "Cohen's kappa, posterior (the jackknife has no spread)"
    return Agreement(value, float(drawn.std(ddof=1)), min(low, value), max(high, value), units, method)


def jackknifed(
    value: float, left_out: FloatArray, confidence_level: float, name: str, alike: str = "that all agree"
) -> Agreement:
    """Interval from the values without each unit in turn: B. Efron, C. Stein (1981), Annals of Statistics 9:586-596.

    Args:
        alike: what the units are where every one of these values is the same.
    """
    level = 0.5 + check_confidence(confidence_level) / 2
    units = len(left_out)
    error = float(np.sqrt((units - 1) / units * ((left_out - left_out.mean()) ** 2).sum()))
    if error < 1e-12:
        low, high = without_spread(value, 1 - level, units)
        return Agreement(value, 0.0, low, high, units, f"{name}, {units} units {alike}")
    half = t_quantile(level, units - 1) * error
    return Agreement(value, error, max(-1.0, value - half), min(1.0, value + half), units, f"{name}, jackknife")


def without_spread(value: float, tail: float, units: int) -> tuple[float, float]:
    """Bounds where every unit is alike: as if the units that may be otherwise, none of them seen, were at the far end.

    Their share is the exact bound for no event in so many units.
    """
    unseen = 1 - tail ** (1 / units)
    return max(-1.0, value - unseen * max(1.0, value)), min(1.0, value + unseen * (1 - value))
