"""The share of the baseline's score that a candidate keeps, in words."""

from __future__ import annotations

import math

from harness.records import Verdict

_LEVEL = 0.95


def retained_note(verdict: Verdict) -> str | None:
    """Tell the share of the baseline's mean score that the candidate keeps, with any interval; it decides nothing.

    Returns:
        None for a measure, without a baseline, or where the baseline's mean can't be told from 0.
    """
    from harness.statistics import mean_ratio

    pairs = [(case.candidate, case.baseline, case.cluster or case.id) for case in verdict.cases]
    told = [pair for pair in pairs if pair[0] is not None and pair[1] is not None]
    if verdict.unit is not None or len({cluster for _, _, cluster in told}) < 2 or not any(pair[1] for pair in told):
        return None
    candidate, baseline, clusters = zip(*told, strict=True)
    kept = mean_ratio(candidate, baseline, clusters, _LEVEL)
    if not math.isfinite(kept.low) or candidate == baseline:
        return None
    share = f"keeps {kept.value:.1%} of the baseline's score"
    return share if verdict.is_certain else f"{share} [{max(0.0, kept.low):.1%}, {kept.high:.1%}] at {_LEVEL:.0%}"
