"""The share of the baseline's score that a candidate keeps, in words."""

from __future__ import annotations

import math

from harness.records import Verdict


def retained_note(verdict: Verdict) -> str | None:
    """The share of the baseline's mean score that the candidate keeps, with any interval; None where none is told."""
    kept = verdict.retained
    if kept is None:
        return None
    share = f"keeps {kept.estimate:.1%} of the baseline's score"
    if verdict.is_certain or not math.isfinite(kept.low):
        return share
    return f"{share} [{kept.low:.1%}, {kept.high:.1%}]"
