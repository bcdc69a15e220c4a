"""Agreement of raters beyond chance: Krippendorff's alpha, with an interval over units."""

from __future__ import annotations

from dataclasses import dataclass

import krippendorff
import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, as_floats, check_confidence
from harness.statistics.spread import t_quantile


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient of agreement (1: perfect, 0: as by chance) with its two-sided interval over units."""

    value: float
    standard_error: float
    low: float
    high: float
    n_units: int
    method: str


def krippendorff_alpha(ratings: npt.ArrayLike, confidence_level: float = 0.95) -> Agreement:
    """Krippendorff's alpha of any number of raters' ranks (ordinal), with missing ratings.

    Parameters
    ----------
    ratings : (n_raters, n_units) numbers, NaN for missing; units with fewer than 2 ratings say nothing and are left out
    confidence_level : in (0, 1), two-sided

    Returns
    -------
    Agreement
        Student's t on the jackknife's standard error. Where every unit left out gives the same value (as in perfect
        agreement), the bounds are as if the units that may be otherwise, none of them seen, were at the far end: their
        share is the exact bound for no event in so many units, 1 - tail^(1/units).

    Raises
    ------
    ValueError
        Fewer than 2 units with 2 ratings, or all ratings equal.

    References
    ----------
    K. Krippendorff (2011), Computing Krippendorff's alpha-reliability; B. Efron, C. Stein (1981), The jackknife
    estimate of variance, Annals of Statistics 9:586-596, over whole units, which keeps what raters of one unit have in
    common.

    Examples
    --------
    >>> round(krippendorff_alpha([[1, 2, 3, 3, 2], [1, 2, 3, 3, 1]]).value, 3)
    0.89
    """
    tail = (1 - check_confidence(confidence_level)) / 2
    table = as_floats(ratings, "ratings")
    table = table[:, (~np.isnan(table)).sum(axis=0) >= 2]
    values, units = np.unique(table[~np.isnan(table)]), table.shape[1]
    if units < 2:
        raise ValueError(f"{units} units with 2 ratings or more; agreement needs at least 2.")
    if len(values) < 2:
        raise ValueError("All ratings are the same, so agreement beyond chance is not defined. Rate items that differ.")
    counts = (table.T[:, :, np.newaxis] == values).sum(axis=1)
    value = _alpha(counts)
    left_out = np.array([_alpha(np.delete(counts, unit, axis=0)) for unit in range(units)])
    name = "Krippendorff's alpha (ordinal)"
    error = float(np.sqrt((units - 1) / units * ((left_out - left_out.mean()) ** 2).sum()))
    if error < 1e-12:
        unseen = 1 - tail ** (1 / units)
        low, high = value - unseen * max(1.0, value), value + unseen * (1 - value)
        return Agreement(value, 0.0, max(-1.0, low), min(1.0, high), units, f"{name}, all units alike")
    half = t_quantile(1 - tail, units - 1) * error
    return Agreement(value, error, max(-1.0, value - half), min(1.0, value + half), units, f"{name}, jackknife")


def _alpha(counts: FloatArray) -> float:
    """Alpha of how often each unit was given each value; 1 where one value alone is left."""
    used = counts.sum(axis=0) > 0
    if used.sum() < 2:
        return 1.0
    return float(krippendorff.alpha(value_counts=counts[:, used], level_of_measurement="ordinal"))
