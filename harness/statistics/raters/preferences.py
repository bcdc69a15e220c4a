"""Strengths of several versions from pairwise preferences: the model of Bradley and Terry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, IntArray, as_floats, check_confidence, group_indices
from harness.statistics.spread import t_quantile


@dataclass(frozen=True, slots=True)
class BradleyTerry:
    """Log strengths, (n_versions,) each; they sum to 0. Version i beats j with odds exp(strength_i - strength_j).

    `covariance` of the strengths, (n_versions, n_versions), gives the standard error of any difference.
    """

    strengths: FloatArray
    standard_errors: FloatArray
    low: FloatArray
    high: FloatArray
    covariance: FloatArray
    method: str

    def difference(self, i: int, j: int) -> tuple[float, float]:
        """Log odds that version i beats j, and their standard error."""
        variance = self.covariance[i, i] + self.covariance[j, j] - 2 * self.covariance[i, j]
        return float(self.strengths[i] - self.strengths[j]), float(np.sqrt(max(variance, 0.0)))


def bradley_terry(
    wins: npt.ArrayLike,
    confidence_level: float = 0.95,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> BradleyTerry:
    """Strengths from a table of wins, every comparison independent; or from comparisons row by row.

    Parameters
    ----------
    wins : (n_versions, n_versions) how often the row's version beat the column's; a tie is half a win for both.
        Or comparisons, (n, 3): first version, second version, outcome, as for `bradley_terry_rows`; three of them are
        taken for a table unless they have clusters
    confidence_level : in (0, 1), two-sided
    clusters : (n,) labels of the rows, of the prompt say; standard errors are then over clusters

    Raises
    ------
    ValueError
        No square table, negative counts, a version against itself, or a table that leaves strengths infinite: some
        versions never lost (or were never compared) to the others.

    References
    ----------
    R. A. Bradley, M. E. Terry (1952), Rank analysis of incomplete block designs I, Biometrika 39:324-345; L. R. Ford
    (1957), American Mathematical Monthly 64:28-33, for when a finite solution exists.

    Examples
    --------
    >>> result = bradley_terry([[0, 15], [5, 0]])
    >>> [round(float(x), 3) for x in result.strengths]
    [0.549, -0.549]
    """
    table = as_floats(wins, "wins")
    if table.ndim == 2 and table.shape[1] == 3 and (clusters is not None or len(table) != 3):
        return bradley_terry_rows(table[:, 0], table[:, 1], table[:, 2], clusters, confidence_level)
    if clusters is not None:
        raise ValueError(f"wins has shape {table.shape}: clusters are those of comparisons row by row, (n, 3).")
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:
        raise ValueError(f"wins has shape {table.shape}; give a square table of 2 versions or more.")
    if not bool(np.all((table >= 0) & np.isfinite(table))) or bool(np.diagonal(table).any()):
        raise ValueError("wins holds a negative or infinite number, or a version that beat itself.")
    rows, columns = np.nonzero(table)
    return _fit(len(table), rows, columns, table[rows, columns], None, confidence_level)


def bradley_terry_rows(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> BradleyTerry:
    """Strengths from comparisons given row by row; those of one prompt may depend on each other.

    Parameters
    ----------
    first, second : (n,) the versions compared, numbered from 0
    outcomes : (n,) 1 where the first was preferred, 0 where the second, 0.5 for a tie
    clusters : (n,) labels, of the prompt say; standard errors are then over clusters
    confidence_level : in (0, 1), two-sided

    References
    ----------
    As for `bradley_terry`; clustered errors by K.-Y. Liang, S. L. Zeger (1986), Longitudinal data analysis using
    generalized linear models, Biometrika 73:13-22.

    Examples
    --------
    >>> result = bradley_terry_rows([0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 1])
    >>> round(float(result.strengths[0] - result.strengths[1]), 3)
    1.099
    """
    one, other, scores = as_floats(first, "first"), as_floats(second, "second"), as_floats(outcomes, "outcomes")
    if one.ndim != 1 or one.shape != other.shape or one.shape != scores.shape or not len(one):
        raise ValueError(f"Shapes {one.shape}, {other.shape}, {scores.shape}; give two versions and an outcome a row.")
    versions = np.concatenate([one, other])
    if not bool(np.all((versions >= 0) & (versions < len(versions)) & (versions == np.floor(versions)))):
        raise ValueError("first and second hold something else than version numbers from 0 on, without gaps.")
    one, other = one.astype(np.int64), other.astype(np.int64)
    if bool((one == other).any()):
        raise ValueError("A version is compared with itself.")
    if not bool(np.all((scores >= 0) & (scores <= 1))):
        raise ValueError("outcomes holds a number outside [0, 1]; 1 means that the first was preferred.")
    groups = group_indices(clusters, len(one))
    rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
    weights = np.concatenate([scores, 1 - scores])
    both = None if groups is None else np.concatenate([groups, groups])
    return _fit(int(rows.max()) + 1, rows, columns, weights, both, confidence_level)


def _fit(
    n_versions: int,
    winners: npt.NDArray[Any],
    losers: npt.NDArray[Any],
    weights: FloatArray,
    groups: IntArray | None,
    confidence_level: float,
) -> BradleyTerry:
    """Newton's method on the log likelihood of weighted wins, with the strengths summing to 0."""
    level = 0.5 + check_confidence(confidence_level) / 2
    _check_connected(n_versions, winners[weights > 0], losers[weights > 0])
    strengths: FloatArray = np.zeros(n_versions)
    for _ in range(100):
        gradient, information = _derivatives(strengths, winners, losers, weights)
        # Adding a constant to the singular direction leaves the step orthogonal to it: the sum stays 0.
        step = np.linalg.solve(information + 1.0 / n_versions, gradient)
        scale = min(1.0, 2.0 / max(1e-300, float(np.abs(step).max())))
        strengths = np.asarray(strengths + scale * step, dtype=np.float64)
        if float(np.abs(step).max()) < 1e-10:
            break
    _, information = _derivatives(strengths, winners, losers, weights)
    covariance = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=np.float64)
    degrees, method = 10**9, "Bradley-Terry, independent comparisons"
    if groups is not None:
        covariance, degrees = _clustered(covariance, strengths, (winners, losers, weights), groups)
        method = f"Bradley-Terry, errors over {degrees + 1} clusters"
    errors = np.asarray(np.sqrt(np.maximum(np.diagonal(covariance), 0.0)), dtype=np.float64)
    half = t_quantile(level, degrees) * errors
    return BradleyTerry(strengths, errors, strengths - half, strengths + half, covariance, method)


def _derivatives(
    strengths: FloatArray, winners: npt.NDArray[Any], losers: npt.NDArray[Any], weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gradient of the log likelihood and its information matrix."""
    upset = 1 / (1 + np.exp(strengths[winners] - strengths[losers]))
    gradient, information = np.zeros(len(strengths)), np.zeros((len(strengths), len(strengths)))
    np.add.at(gradient, winners, weights * upset)
    np.add.at(gradient, losers, -weights * upset)
    curvature = weights * upset * (1 - upset)
    for rows, columns, sign in (
        (winners, winners, 1),
        (losers, losers, 1),
        (winners, losers, -1),
        (losers, winners, -1),
    ):
        np.add.at(information, (rows, columns), sign * curvature)
    return gradient, information


def _clustered(
    bread: FloatArray,
    strengths: FloatArray,
    comparisons: tuple[npt.NDArray[Any], npt.NDArray[Any], FloatArray],
    groups: IntArray,
) -> tuple[FloatArray, int]:
    """The sandwich of Liang and Zeger, with G / (G - 1), and its degrees of freedom."""
    winners, losers, weights = comparisons
    count = int(groups.max()) + 1
    if count < 2:
        raise ValueError("All comparisons share one cluster: errors over clusters need at least 2.")
    residuals = weights / (1 + np.exp(strengths[winners] - strengths[losers]))
    scores = np.zeros((count, len(strengths)))
    np.add.at(scores, (groups, winners), residuals)
    np.add.at(scores, (groups, losers), -residuals)
    return count / (count - 1) * bread @ (scores.T @ scores) @ bread, count - 1


def _check_connected(n_versions: int, winners: npt.NDArray[Any], losers: npt.NDArray[Any]) -> None:
    """Every version must have beaten every other, directly or through a chain; else some strength is infinite."""
    reaches = np.eye(n_versions, dtype=np.bool_)
    reaches[winners, losers] = True
    for middle in range(n_versions):
        reaches |= np.outer(reaches[:, middle], reaches[middle])
    if not reaches.all():
        above, below = (int(index) for index in np.argwhere(~reaches)[0])
        raise ValueError(
            f"Version {above} never beat version {below}, directly or through others: strengths would be infinite. "
            "Compare more, or leave versions out."
        )
