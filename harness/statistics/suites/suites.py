"""Contrasts about the very cases of a suite: the cases are fixed, only the noise of their samples counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, as_finite, as_scores, case_means, group_indices, is_binary, is_bounded
from harness.statistics.intervals.contrasts import HalfContrast, ScaledContrast
from harness.statistics.noise import (
    Draws,
    Noise,
    centred,
    fewest_draws,
    noise_between,
    noise_within,
    recovered_half,
    summed,
)

#: A change of a mean by less is rounding.
_ROUNDING = 1e-12


def suite_contrast(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> SuiteContrast:
    """The difference of two versions on these very cases, with bounds at any level (see `SuiteContrast`).

    The claim is about D = sum(p_i - q_i) / n_cases, p_i and q_i the true mean scores of case i. Cases may differ as
    they like; the bounds hold for the noise of the samples alone.

    Parameters
    ----------
    candidate, baseline : (n_cases, samples) or (n_cases,), in [0, 1], the same cases in the same order; the number of
        samples may differ; NaN for missing. Cases that lack either version are left out.
    clusters : (n_cases,) labels; cases that share one may share their answers, sample by sample

    Raises
    ------
    ValueError
        Wrong or different numbers of cases, no common case, a score outside [0, 1].

    Examples
    --------
    >>> contrast = suite_contrast([[1, 1, 1]] * 40, [[1, 1, 1]] * 40)
    >>> round(contrast.lower(0.95), 4)
    -0.0248
    """
    first, second = _checked(candidate, "candidate"), _checked(baseline, "baseline")
    if len(first) != len(second):
        raise ValueError(f"candidate has {len(first)} cases, baseline {len(second)}; pair them case by case.")
    return _contrast((first, second), 0.0, clusters, "No case has a score of both versions.")


def suite_threshold_contrast(
    scores: npt.ArrayLike,
    threshold: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> SuiteContrast:
    """The mean over these very cases less a threshold, with bounds at any level.

    Parameters
    ----------
    scores, clusters : as for `suite_contrast`, errors too
    threshold : the score demanded

    Examples
    --------
    >>> contrast = suite_threshold_contrast([[1, 1, 1]] * 20, 0.9)
    >>> round(contrast.lower(0.95), 4)
    0.0513
    """
    nothing = "scores holds no number: every sample is missing (NaN)."
    return _contrast((_checked(scores, "scores"),), as_finite(threshold, "threshold"), clusters, nothing)


def shared_baseline_contrast(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    level: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> ScaledContrast:
    """The difference to a baseline that many candidates share: the lower bound is the candidate's own, less the upper
    one of the baseline, which is wrong with a chance of `level` for all of them together.

    Who has seen a baseline's scores knows whether they were unlucky, and pairs of scores are then no evidence at the
    level that they have for somebody who has not. Given that the baseline's true mean lies below its bound, each
    candidate's own bound is wrong with the chance that it has by itself, whatever was seen before it was drawn. Red is
    promised to each candidate alone: the upper bound is that of pairs.

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
    most = other.upper(1 - level)
    method = f"{pair.method}; the lower one less {most:.4g}, which bounds the baseline for all candidates"
    return ScaledContrast(pair, lambda each: each, 1.0, method, own, lambda each: max(-1.0, each - most))


def _checked(scores: npt.ArrayLike, name: str) -> FloatArray:
    array = as_scores(scores, name)
    if not is_bounded(array):
        low, high = np.nanmin(array), np.nanmax(array)
        raise ValueError(f"{name} lie between {low} and {high}; what is about these cases needs scores in [0, 1].")
    return array


def _contrast(
    scores: tuple[FloatArray, ...],
    threshold: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None,
    nothing: str,
) -> SuiteContrast:
    """Noise of units that draw independently: cases, or the cases of a cluster together, sample by sample."""
    groups, means = group_indices(clusters, len(scores[0])), [case_means(each) for each in scores]
    kept = ~np.isnan(means).any(axis=0)
    if not kept.any():
        raise ValueError(nothing)
    signs, means = (1.0, -1.0), [each[kept] for each in means]
    versions = [centred(one[kept], mean, sign) for one, mean, sign in zip(scores, means, signs, strict=False)]
    differences = means[0] if len(means) == 1 else means[0] - means[1]
    n, value = len(differences), float(differences.mean()) - threshold
    groups = None if groups is None else group_indices(groups[kept], n)
    index = np.arange(n) if groups is None else groups
    sizes = np.bincount(index).astype(np.float64)
    draws = [fewest_draws(version.draws, groups, len(sizes)) for version in versions]
    single = np.minimum.reduce(draws) < 2
    noise = Noise()
    for version, drawn in zip(versions, draws, strict=True):
        parts = version.parts if groups is None else summed(version.parts, index, len(sizes))
        noise += noise_within(parts[~single], drawn[~single], sizes[~single])
    if single.any():
        noise += noise_between(differences, index, single, sizes)
    total = noise.falls + noise.rises + noise.unknown
    return SuiteContrast(
        value=0.0 if abs(value) < _ROUNDING else value,
        least=-threshold if len(scores) == 1 else -1.0,
        most=1 - threshold,
        falls=noise.falls / n**2,
        rises=noise.rises / n**2,
        unknown=noise.unknown / n**2,
        degrees=total**2 / noise.fourth if noise.fourth > 0 else math.inf,
        event=noise.events / total / n if total > 0 else 0.0,
        units=Draws.of(np.tile(sizes / n, len(draws)), np.concatenate(draws)),
        binary=groups is None and all(is_binary(each) for each in scores),
        single=bool(single.any()),
    )


@dataclass(frozen=True, slots=True)
class SuiteContrast(HalfContrast):
    """A mean over fixed cases whose bounds come from the noise of their samples and from what these can't show.

    What lowers the mean (a wrong answer of a case that is mostly right; of the baseline a right one of a case that is
    mostly wrong) and what raises it are counted apart, as numbers of events of one size that have the variance seen:
    for scores of 0 and 1 that come out otherwise rarely, these are the events themselves. Such counts are Poisson's,
    and their exact bounds (F. Garwood 1936, Fiducial limits for the Poisson distribution, Biometrika 28:437-442; for
    sums of weighted counts M. P. Fay, E. J. Feuer 1997, Confidence intervals for directly standardized rates,
    Statistics in Medicine 16:791-801) say by how much the one may be more often than seen and the other less. Both are
    put together as in G. Y. Zou, A. Donner (2008), Statistics in Medicine 27:1693-1702. With many events the bound is
    the normal one with a continuity correction; without any it is the exact one for no loss in n independent samples,
    1 - tail^(1/n).

    It is never narrower than Student's t with the degrees of freedom of F. E. Satterthwaite (1946), An approximate
    distribution of estimates of variance components, Biometrics Bulletin 2:110-114, and B. L. Welch (1947), Biometrika
    34:28-35; the variance of scores of 0 and 1 is known as well as twice the number of events tells.

    Attributes
    ----------
    falls, rises : variance of the mean from what lowers it, and from what raises it.
    unknown : variance of the mean from what may do either.
    degrees : of freedom.
    event : what a sample moves the mean by, where the noise is.
    units : what draws independently.
    binary : whether scores are 0 or 1 and each case draws by itself.
    single : whether a version has but one sample of a case, so that the spread over cases stands for noise.
    """

    falls: float
    rises: float
    unknown: float
    degrees: float
    event: float
    units: Draws
    binary: bool
    single: bool

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return math.sqrt(self.falls + self.rises + self.unknown)

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        if self.standard_error == 0:
            return "about these cases: exact for samples without any noise"
        spread = "the spread over cases, for want of samples" if self.single else "the noise within cases"
        return f"about these cases: wider of t and recovered Poisson bounds (MOVER) of {spread}"

    def half(self, tail: float, side: float) -> float:
        """The distance to the bound beyond which what moves it to that side would be more often than seen."""
        more, fewer = (self.rises, self.falls) if side > 0 else (self.falls, self.rises)
        more += self.unknown
        size = self.units.unseen(tail) / -math.log(tail)
        if len(self.units.counts) > 1:
            size = max(size, self.event)
        often, seldom = more / size**2, fewer / size**2
        recovered = size * recovered_half(often, seldom, tail)
        if more + fewer == 0:
            return recovered
        degrees = 2 * (often + seldom) if self.binary else self.degrees
        student = float(special.stdtrit(degrees, 1 - tail)) if math.isfinite(degrees) else -float(special.ndtri(tail))
        return max(recovered, student * math.sqrt(more + fewer))
