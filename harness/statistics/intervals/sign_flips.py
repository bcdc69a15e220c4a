"""The sign-flip test of a paired difference: it only assumes that a case's two versions could be swapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, as_count, as_scores, case_means, check_alternative, group_indices
from harness.statistics.intervals.proportions import Alternative

#: Up to this many independent units all sign patterns are counted: 2 ** 16 of them.
_EXACT_UNITS = 16


@dataclass(frozen=True, slots=True)
class SignFlipTest:
    """Mean difference and p-value; `exact` when every sign pattern was counted, else `n_patterns` were drawn."""

    value: float
    p_value: float
    n_patterns: int
    exact: bool


def sign_flip_test(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    alternative: Alternative = "two-sided",
    *,
    n_patterns: int = 10_000,
    generator: np.random.Generator | None = None,
) -> SignFlipTest:
    """Test a paired difference by flipping the sign of whole cases (or clusters): the cross-check of t.

    Parameters
    ----------
    candidate, baseline, clusters : as for `paired_difference`
    alternative : "less" asks whether the candidate is worse
    n_patterns : patterns to draw where there are more than 16 units
    generator : randomness for the drawing; by default the same in every call

    Returns
    -------
    SignFlipTest
        Where no case differs the p-value is 1. A drawn p-value is (1 + as extreme) / (1 + drawn), never 0.

    References
    ----------
    R. A. Fisher (1935), The Design of Experiments, section 21; B. Phipson, G. K. Smyth (2010), Permutation p-values
    should never be zero, Statistical Applications in Genetics and Molecular Biology 9:39.

    Examples
    --------
    >>> sign_flip_test([1, 1, 1, 1], [0, 0, 0, 0], alternative="greater").p_value
    0.0625
    """
    check_alternative(alternative)
    as_count(n_patterns, "n_patterns", 1)
    units, n_cases = _unit_sums(candidate, baseline, clusters)
    value = float(units.sum() / n_cases)
    exact = len(units) <= _EXACT_UNITS
    if exact:
        signs = 1.0 - 2.0 * ((np.arange(2 ** len(units))[:, np.newaxis] >> np.arange(len(units))) & 1)
        sums: FloatArray = signs @ units
    else:
        sums = _drawn_sums(units, n_patterns, generator or np.random.default_rng(0))
    # Sums of the same differences in another order differ in the last bits; they count as equal.
    slack = 1e-9 * float(np.abs(units).sum())
    observed = float(units.sum())
    if alternative == "less":
        extreme = int((sums <= observed + slack).sum())
    elif alternative == "greater":
        extreme = int((sums >= observed - slack).sum())
    else:
        extreme = int((np.abs(sums) >= abs(observed) - slack).sum())
    p_value = extreme / len(sums) if exact else (1 + extreme) / (1 + len(sums))
    return SignFlipTest(value, p_value, len(sums), exact)


def _drawn_sums(units: FloatArray, n_patterns: int, generator: np.random.Generator) -> FloatArray:
    """Sums under drawn sign patterns, 1,000 patterns at a time to bound memory."""
    parts = []
    for start in range(0, n_patterns, 1000):
        size = (min(1000, n_patterns - start), len(units))
        parts.append((1.0 - 2.0 * generator.integers(0, 2, size)) @ units)
    return np.concatenate(parts)


def _unit_sums(
    candidate: npt.ArrayLike, baseline: npt.ArrayLike, clusters: Sequence[Any] | npt.NDArray[Any] | None
) -> tuple[FloatArray, int]:
    """Sum of the differences of each independent unit, and the number of cases."""
    first, second = as_scores(candidate, "candidate"), as_scores(baseline, "baseline")
    if len(first) != len(second):
        raise ValueError(f"candidate has {len(first)} cases, baseline {len(second)}; pair them case by case.")
    groups = group_indices(clusters, len(first))
    differences = case_means(first) - case_means(second)
    kept = ~np.isnan(differences)
    if not kept.any():
        raise ValueError("No case has a score of both versions.")
    units = differences[kept]
    if groups is not None:
        units = np.bincount(groups[kept], weights=units).astype(np.float64)
    return units, int(kept.sum())
