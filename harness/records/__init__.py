"""Frozen data that passes between the layers.

The way of one sample: case → request → sample (stored) → score (stored) → estimate → verdict → report.
"""

from harness.records.baselines import BaselineRecord
from harness.records.budget import Budget, LimitName, Limits, Price, Spent
from harness.records.judging import JudgedBy, Judgement, JudgeSummary
from harness.records.kinds import Kind, is_approximate, kind_and_direction, kind_in_words, same_kind
from harness.records.samples import (
    MOST_DISAGREEMENT,
    Case,
    Draw,
    Measure,
    Messages,
    Request,
    Role,
    Sample,
    Score,
    ScoreRow,
    TokenLogprob,
)
from harness.records.selection import Selected, Selection
from harness.records.verdicts import (
    Aggregate,
    CaseResult,
    Change,
    Check,
    Difference,
    Estimate,
    Interruption,
    Report,
    Reviewed,
    Usage,
    Verdict,
    VerdictKind,
    VersionRef,
)

__all__ = [
    "MOST_DISAGREEMENT",
    "Aggregate",
    "BaselineRecord",
    "Budget",
    "Case",
    "CaseResult",
    "Change",
    "Check",
    "Difference",
    "Draw",
    "Estimate",
    "Interruption",
    "JudgeSummary",
    "JudgedBy",
    "Judgement",
    "Kind",
    "LimitName",
    "Limits",
    "Measure",
    "Messages",
    "Price",
    "Report",
    "Request",
    "Reviewed",
    "Role",
    "Sample",
    "Score",
    "ScoreRow",
    "Selected",
    "Selection",
    "Spent",
    "TokenLogprob",
    "Usage",
    "Verdict",
    "VerdictKind",
    "VersionRef",
    "is_approximate",
    "kind_and_direction",
    "kind_in_words",
    "same_kind",
]
