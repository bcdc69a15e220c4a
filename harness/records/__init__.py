"""Frozen data that passes between the layers.

The way of one sample: case → request → sample (stored) → score (stored) → estimate → verdict → report.
"""

from harness.records.budget import Budget, BudgetLimits, Expenditure, LimitName, Price
from harness.records.kinds import Kind, kind_and_direction, kind_in_words, same_kind
from harness.records.plan import Plan
from harness.records.reports import (
    Change,
    GateStart,
    Loss,
    Note,
    NoteKind,
    Report,
    SkippedEvaluation,
    Step,
    StoredAnswers,
    Usage,
    VersionRef,
    Waiver,
    waiver_of,
)
from harness.records.samples import (
    WITHHELD,
    Case,
    Judgement,
    Measure,
    Messages,
    NewSample,
    NotedFailures,
    Outcome,
    Request,
    Role,
    Sample,
    Score,
    ScoreRow,
    ScoringRule,
    Shown,
    TokenLogprob,
    answer_turns,
    together,
)
from harness.records.verdicts import (
    Aggregate,
    BaselineRecord,
    CaseResult,
    Check,
    Difference,
    Estimate,
    Interruption,
    JudgeSummary,
    Look,
    LostClaim,
    Other,
    ReviewSummary,
    SliceResult,
    Stakes,
    Verdict,
    VerdictKind,
    Weighed,
)

__all__ = [
    "WITHHELD", "Aggregate", "BaselineRecord", "Budget", "BudgetLimits", "Case", "CaseResult", "Change", "Check",
    "Difference", "Estimate", "Expenditure", "GateStart", "Interruption", "JudgeSummary", "Judgement", "Kind",
    "LimitName", "Look", "Loss", "LostClaim", "Measure", "Messages", "NewSample", "Note", "NoteKind", "NotedFailures",
    "Other", "Outcome", "Plan", "Price", "Report", "Request", "ReviewSummary", "Role", "Sample", "Score",
    "ScoreRow", "ScoringRule", "Shown", "SkippedEvaluation", "SliceResult", "Stakes", "Step", "StoredAnswers",
    "TokenLogprob", "Usage", "Verdict", "VerdictKind", "VersionRef", "Waiver", "Weighed", "answer_turns",
    "kind_and_direction", "kind_in_words", "same_kind", "together", "waiver_of",
]  # fmt: skip
