"""Tests against a margin: no worse by more than it, or no different by more than it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import as_number, check_confidence
from harness.statistics.intervals.contrasts import Contrast, StudentContrast, tail_where_negative
from harness.statistics.intervals.differences import paired_contrast


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """The result of testing that the drop is smaller than the margin.

    `low` is the one-sided bound at the confidence level.
    """

    value: float
    standard_error: float
    low: float
    p_value: float
    non_inferior: bool
    method: str


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The result of testing that the difference, either way, is smaller than the margin.

    `low` and `high` are one-sided bounds at the confidence level each: together an interval at 2 * level - 1.
    """

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    equivalent: bool
    method: str


def non_inferiority(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    margin: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> NonInferiority:
    """Test whether the candidate is worse than the baseline by less than a margin.

    Parameters
    ----------
    candidate, baseline, clusters : as for `paired_difference`
    margin : the largest drop that counts as no worse, above 0
    confidence_level : in (0, 1), one-sided

    Returns
    -------
    NonInferiority
        The bound is the one that a gate's pass rests on: exact where few cases differ.

    References
    ----------
    G. Piaggio et al. (2012), Reporting of noninferiority and equivalence randomized trials, JAMA 308:2594-2604.

    Examples
    --------
    >>> result = non_inferiority([0.9, 0.8, 0.7, 0.9, 0.6] * 4, [0.8, 0.8, 0.8, 0.9, 0.5] * 4, margin=0.2)
    >>> result.non_inferior
    True
    """
    level, limit = check_confidence(confidence_level), _check_margin(margin)
    contrast = paired_contrast(candidate, baseline, clusters)
    low = contrast.lower(level)
    return NonInferiority(
        contrast.value, contrast.standard_error, low, _p_no_worse(contrast, limit), low > -limit, contrast.method
    )


def equivalence(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    margin: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> Equivalence:
    """Two one-sided tests: whether both versions differ by less than a margin, whichever is better.

    Parameters
    ----------
    candidate, baseline, clusters, margin, confidence_level : as for `non_inferiority`

    References
    ----------
    D. J. Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability, J. Pharmacokinetics and Biopharmaceutics 15:657-680.

    Examples
    --------
    >>> equivalence([0.9, 0.8, 0.7, 0.9, 0.6], [0.8, 0.8, 0.8, 0.9, 0.5], margin=0.05).equivalent
    False
    """
    level, limit = check_confidence(confidence_level), _check_margin(margin)
    contrast = paired_contrast(candidate, baseline, clusters)
    mirrored = paired_contrast(baseline, candidate, clusters)
    low, high = contrast.lower(level), -mirrored.lower(level)
    return Equivalence(
        value=contrast.value,
        standard_error=contrast.standard_error,
        low=low,
        high=high,
        p_value=max(_p_no_worse(contrast, limit), _p_no_worse(mirrored, limit)),
        equivalent=-limit < low and high < limit,
        method=contrast.method,
    )


def _p_no_worse(contrast: Contrast, margin: float) -> float:
    """P-value for a true difference of -margin or less, dual to the lower bound; 1 where the estimate is there."""
    if isinstance(contrast, StudentContrast):
        return float(special.stdtr(contrast.degrees, -(contrast.value + margin) / contrast.standard_error))
    if contrast.value <= -margin:
        return 1.0
    return tail_where_negative(lambda tail: -margin - contrast.lower(1 - tail))


def _check_margin(margin: float) -> float:
    number = as_number(margin, "margin")
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"margin = {margin!r} is not a number above 0.")
    return number
