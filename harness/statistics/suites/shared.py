"""A difference to a baseline that many candidates share: its score is bounded once, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from harness.statistics.suites.suites import SuiteContrast, suite_contrast, suite_threshold_contrast


@dataclass(frozen=True, slots=True)
class SharedBaselineContrast:
    """A difference whose lower bound is the candidate's own, less one of the baseline that is the same for all.

    Who has seen a baseline's scores knows whether they were unlucky, and pairs of scores are then no evidence at the
    level that they have for somebody who has not. Given that the baseline's true mean lies below its bound, each
    candidate's own bound is wrong with the chance that it has by itself, whatever was seen before it was drawn.

    Attributes
    ----------
    pair : the difference, with its upper bound: a candidate that is no worse is red by the luck of both.
    own : the candidate's mean.
    most : the upper bound of the baseline's.
    """

    pair: SuiteContrast
    own: SuiteContrast
    most: float

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.pair.value

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self.pair.standard_error

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        return f"{self.pair.method}; the lower one less {self.most:.4g}, which bounds the baseline for all candidates"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        return self.pair.p_less

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return max(self.pair.least, self.own.lower(confidence_level) - self.most)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return self.pair.upper(confidence_level)


def shared_baseline_contrast(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    level: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> SharedBaselineContrast:
    """The difference to a baseline whose own bound is wrong with a chance of `level`, over all candidates.

    Parameters
    ----------
    candidate, baseline, clusters : as for `suite_contrast`, errors too; the baseline may have more samples

    Examples
    --------
    >>> contrast = shared_baseline_contrast([[1, 1, 1, 1, 1]] * 40, [[1, 1, 1, 1, 1]] * 40, 0.005)
    >>> round(contrast.lower(0.95), 4)
    -0.0149
    """
    pair = suite_contrast(candidate, baseline, clusters)
    own, other = (suite_threshold_contrast(each, 0.0, clusters) for each in (candidate, baseline))
    return SharedBaselineContrast(pair, own, other.upper(1 - level))
