"""Frozen data that passes between the layers.

The way of one sample: case → request → sample (stored) → score (stored) → estimate → verdict → report.
"""

from harness.records.baselines import BaselineRecord
from harness.records.budget import Budget, BudgetLimits, Expenditure, LimitName, Price
from harness.records.estimates import Difference, Estimate
from harness.records.judging import Judgement, JudgeSummary, ScoringRule
from harness.records.kinds import Kind, is_approximate, kind_and_direction, kind_in_words, same_kind
from harness.records.reports import (
    Change,
    GateStart,
    Report,
    SelectedEvaluation,
    Selection,
    SkippedEvaluation,
    Usage,
    VersionRef,
)
from harness.records.samples import (
    MOST_DISAGREEMENT,
    WITHHELD,
    Case,
    Measure,
    Messages,
    NewSample,
    Request,
    Role,
    Sample,
    Score,
    ScoreRow,
    TokenLogprob,
)
from harness.records.verdicts import (
    Aggregate,
    CaseResult,
    Check,
    Claim,
    Claims,
    Interruption,
    LookTaken,
    LostClaim,
    ReviewSummary,
    Stakes,
    Verdict,
    VerdictKind,
)

__all__ = [
    "MOST_DISAGREEMENT",
    "WITHHELD",
    "Aggregate",
    "BaselineRecord",
    "Budget",
    "BudgetLimits",
    "Case",
    "CaseResult",
    "Change",
    "Check",
    "Claim",
    "Claims",
    "Difference",
    "Estimate",
    "Expenditure",
    "GateStart",
    "Interruption",
    "JudgeSummary",
    "Judgement",
    "Kind",
    "LimitName",
    "LookTaken",
    "LostClaim",
    "Measure",
    "Messages",
    "NewSample",
    "Price",
    "Report",
    "Request",
    "ReviewSummary",
    "Role",
    "Sample",
    "Score",
    "ScoreRow",
    "ScoringRule",
    "SelectedEvaluation",
    "Selection",
    "SkippedEvaluation",
    "Stakes",
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
