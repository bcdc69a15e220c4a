"""The share of the baseline's mean score that a candidate keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.decisions.observations import Observations
from harness.records import CaseResult, RetainedShare
from harness.statistics.intervals.ratios import mean_ratio

_NO_WIDTH = 1e-6
"""Ends that are nearer to each other, as a share of them, differ by rounding alone."""


def retained_share(
    observed: Observations, cases: Sequence[CaseResult], confidence_level: float
) -> tuple[RetainedShare | None, str | None]:
    """The share with its two-sided interval, or None and the reason why there is none; it decides nothing.

    It is a ratio of means over the cases that both versions have (Fieller's interval, clusters kept together), so it is
    told of scores alone: the difference of a measure has its unit. Where each case keeps the same share (all of it, or
    nothing) an interval would have no width and claim too much, so that both of its ends are NaN, unless nothing is
    left to chance.

    Args:
        cases: means of those that the verdict rests on.
    """
    pairs = [(case.candidate, case.baseline, case.cluster or case.id) for case in cases]
    told = [pair for pair in pairs if pair[0] is not None and pair[1] is not None]
    if why := _why_not(observed, told):
        return None, why
    candidate, baseline, clusters = zip(*told, strict=True)
    kept = mean_ratio(candidate, baseline, clusters, confidence_level)
    if observed.is_exact and observed.is_about_suite and observed.is_whole:
        return RetainedShare(kept.value, kept.value, kept.value), None
    if not math.isfinite(kept.low):
        return None, "the baseline's mean can't be told from 0"
    if math.isclose(kept.low, kept.high, rel_tol=_NO_WIDTH):
        return RetainedShare(kept.value, math.nan, math.nan), None
    return RetainedShare(kept.value, max(0.0, kept.low), kept.high), None


def _why_not(observed: Observations, told: Sequence[tuple[float | None, float | None, str]]) -> str:
    """The first thing that keeps a share from being told; "" for none."""
    if observed.errors:
        return "it ended in an error"
    if observed.unit is not None:
        return "a measure is weighed by its difference, in its unit or as a share"
    if observed.baseline is None:
        return "there is no baseline"
    if len({cluster for _, _, cluster in told}) < 2:
        return "fewer than two independent cases have a score of both versions"
    if not any(baseline for _, baseline, _ in told):
        return "the baseline's mean is 0, of which nothing is a share"
    return ""
