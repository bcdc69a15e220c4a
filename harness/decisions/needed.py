"""Samples and cases that would decide what is open."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from harness.decisions.aims import SameContrast
from harness.decisions.betting import BettingContrast
from harness.decisions.hypotheses import Hypothesis
from harness.decisions.suite import TwoStageContrast
from harness.statistics.arrays import FloatArray, case_means
from harness.statistics.intervals.contrasts import Contrast, ToldContrast
from harness.statistics.intervals.signed_ranks import SignedRankContrast, fewest_pairs
from harness.statistics.quantiles.quantiles import QuantileContrast

#: Quantile of the normal for power 0.8: drawn anew, a difference as large as the one seen is decided 4 times in 5.
_POWER = 0.8416212335729143


@dataclass(frozen=True, slots=True)
class SamplesNeeded:
    """More cases at the present samples each, or more samples for each case; `samples` is the candidate's total.

    `beyond` says by what the cases must differ from those there are: as a cluster of these they would tell less.
    `is_rest` tells that they are those of the suite that are not drawn yet, whether or not these decide it.
    """

    samples: int
    cases: int | None
    samples_per_case: int | None
    beyond: Literal["field", "texts", "requests", "answers"] | None = None
    is_rest: bool = False


def needed(
    hypothesis: Hypothesis, lower: float, levels: tuple[float, float], next_share: float = 1.0
) -> SamplesNeeded | None:
    """Compute what would decide an open comparison if the difference stays as it is; None where nothing tells yet.

    What costs least of the error rate is asked for. About these cases, once all are drawn, that is more samples, which
    is another look. About cases like these new cases are bet on at the present look, where it bets.

    Half-widths shrink with the root of the number of units, and with that number itself where no case differs. A
    cluster is a unit: where copies and cases that ask the same count as one, so do those to come, and clusters of the
    user's field have as many cases as those there are.

    Args:
        hypothesis: an inconclusive comparison.
        lower: its bound, less than 0 being worse.
        levels: at which it would pass, and at which it would be red.
        next_share: what the next look has of the present one's level.
    """
    contrast, observed = hypothesis.contrast, hypothesis.observed
    if isinstance(contrast, SameContrast):  # the direction in which it lies has further to go
        one, levels = replace(hypothesis, contrast=contrast.worse), (levels[0], levels[1] / 2)
        return needed(one, contrast.worse.lower(1 - levels[0]), levels, next_share)
    if isinstance(contrast, TwoStageContrast):
        return _about_suite(hypothesis, contrast, (levels[0] * next_share, levels[1] * next_share))
    is_recorded = hypothesis.against == "baseline" and observed.baseline_is_recorded
    if contrast is None or (is_recorded and observed.by_samples):  # no more of the baseline's can come
        return None
    weighed = contrast.worse if isinstance(contrast, ToldContrast) else contrast
    if isinstance(weighed, SignedRankContrast):
        return _pairs(contrast, weighed.pairs, observed.plan.margin, (levels[0] * next_share, levels[1] * next_share))
    if isinstance(weighed, QuantileContrast) and not math.isfinite(lower):
        return _to_bound(hypothesis, weighed.fewest_units(levels[0]))
    if not math.isfinite(lower):
        return None
    n_samples = int((~np.isnan(observed.candidate)).sum())
    if isinstance(contrast, BettingContrast):
        factor = contrast.growth_needed(*levels)
    else:
        levels = (levels[0] * next_share, levels[1] * next_share)
        units = n_samples if observed.by_samples else len(observed.cluster_sizes)
        factor = _growth(contrast, levels, observed.plan.margin, units)
    if factor is None:
        return None
    if observed.by_samples:
        extra = _at_least_one((factor - 1) * n_samples)
        return SamplesNeeded(extra, None, extra)
    per_case = n_samples / max(1, int(observed.scored.sum()))
    n_units = len(observed.cluster_sizes)
    counts_once = observed.clusters_known_by == "texts"
    extra = _at_least_one((factor - 1) * (n_units if counts_once else hypothesis.n_cases))
    beyond = observed.clusters_known_by if n_units < len(observed.case_ids) else None
    return SamplesNeeded(_at_least_one(extra * per_case), extra, None, beyond)


def _about_suite(
    hypothesis: Hypothesis, contrast: TwoStageContrast, levels: tuple[float, float]
) -> SamplesNeeded | None:
    """The cases that are left, or else more samples of each; None where none of them would do."""
    observed = hypothesis.observed
    n_samples = int((~np.isnan(observed.candidate)).sum())
    per_case = n_samples / max(1, int(observed.scored.sum()))
    if contrast.whole is None:
        left = max(1, (observed.suite_size or observed.n_planned) - observed.n_done)
        return SamplesNeeded(_at_least_one(left * per_case), left, None, is_rest=True)
    units = len(observed.cluster_sizes) * (1.0 if observed.is_repeatable else per_case)
    factor = _growth(contrast, levels, observed.plan.margin, units)
    if factor is None:
        return None
    if observed.is_repeatable:  # more samples of a case are no more draws
        extra = _at_least_one((factor - 1) * hypothesis.n_cases)
        return SamplesNeeded(_at_least_one(extra * per_case), extra, None)
    ours, theirs = float(np.nansum(_noise(observed.candidate))), 0.0
    if hypothesis.against == "baseline" and observed.baseline is not None and observed.baseline_is_recorded:
        theirs = float(np.nansum(_noise(observed.baseline)))
    share = ours / (ours + theirs) if theirs > 0 else 1.0
    room = 1 / factor - (1 - share)
    if room <= 0:
        return None  # what is left comes from the recording
    extra = _at_least_one(per_case * (share / room - 1))
    return SamplesNeeded(extra * hypothesis.n_cases, None, extra)


def _pairs(contrast: Contrast, pairs: int, margin: float, levels: tuple[float, float]) -> SamplesNeeded | None:
    """The pairs of blocks with which the nearer end is reached, no fewer than its level can be shown with at all."""
    error = contrast.standard_error
    if not math.isfinite(error):
        return None
    ways = [
        max(fewest_pairs(level), pairs * ((_POWER - float(special.ndtri(level))) * error / distance) ** 2)
        for distance, level in ((contrast.value + margin, levels[0]), (-contrast.value, levels[1]))
        if distance > 0
    ]
    if not ways:
        return None
    extra = _at_least_one(min(ways) - pairs)
    return SamplesNeeded(extra, extra, None)


def _to_bound(hypothesis: Hypothesis, fewest: int) -> SamplesNeeded:
    """Return the samples and cases that a quantile needs so that there can be a bound at all."""
    observed = hypothesis.observed
    n_samples = int((~np.isnan(observed.candidate)).sum())
    if observed.by_samples:
        extra = max(1, fewest - n_samples)
        return SamplesNeeded(extra, None, extra)
    units = len(observed.cluster_sizes)
    extra, beyond = max(1, fewest - units), observed.clusters_known_by if units < len(observed.case_ids) else None
    return SamplesNeeded(_at_least_one(extra * n_samples / max(1, int(observed.scored.sum()))), extra, None, beyond)


def _growth(contrast: Contrast, levels: tuple[float, float], margin: float, units: float) -> float | None:
    """The factor by which units must grow until a bound decides; None where neither comes nearer.

    Where so many units do not differ at all, a bound is as far away as 1 - level^(1/units) (Clopper and Pearson, 1934).
    """
    ways = [
        _factor(contrast.standard_error, distance, width, level, units)
        for distance, width, level in (
            (contrast.value + margin, contrast.value - contrast.lower(1 - levels[0]), levels[0]),
            (-contrast.value, contrast.upper(1 - levels[1]) - contrast.value, levels[1]),
        )
        if distance > 0
    ]
    least = min(ways, default=math.inf)
    return max(1.0, least) if math.isfinite(least) else None


def _factor(error: float, distance: float, width: float, level: float, units: float) -> float:
    """The growth of units after which a bound that is so wide today is no wider than the distance."""
    if math.isinf(width):  # no bound at all
        return math.inf
    if error > 0:
        return ((width + _POWER * error) / distance) ** 2
    if width <= distance:
        return width / distance
    share = distance / width * -math.expm1(math.log(level) / units)
    return math.log(level) / math.log1p(-share) / units


def _at_least_one(number: float) -> int:
    return max(1, math.ceil(number - 1e-9))


def _noise(scores: FloatArray) -> FloatArray:
    """Variance of each case's mean from its samples, (n_cases,); NaN for a case with fewer than two."""
    counts = (~np.isnan(scores)).sum(axis=1).astype(np.float64)
    residuals = np.nan_to_num(scores - case_means(scores)[:, np.newaxis])
    squares: FloatArray = (residuals**2).sum(axis=1)
    return np.where(counts > 1, squares / np.maximum(counts * (counts - 1), 1), np.nan)
