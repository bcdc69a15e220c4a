"""Frozen data that passes between the layers.

The way of one sample: case → request → sample (stored) → score (stored) → estimate → verdict → report.
"""

from harness.records.baselines import BaselineRecord
from harness.records.budget import Budget, LimitName, Limits, Price, Spent
from harness.records.estimates import Difference, Estimate
from harness.records.gates import GateStart
from harness.records.judging import JudgedBy, Judgement, JudgeSummary
from harness.records.kinds import Kind, is_approximate, kind_and_direction, kind_in_words, same_kind
from harness.records.reports import Change, Report, Selected, Selection, Usage, VersionRef
from harness.records.samples import (
    MOST_DISAGREEMENT,
    WITHHELD,
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
from harness.records.verdicts import (
    Aggregate,
    CaseResult,
    Check,
    Claim,
    Claims,
    Interruption,
    LookTaken,
    LostClaim,
    Reviewed,
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
    "Case",
    "CaseResult",
    "Change",
    "Check",
    "Claim",
    "Claims",
    "Difference",
    "Draw",
    "Estimate",
    "GateStart",
    "Interruption",
    "JudgeSummary",
    "JudgedBy",
    "Judgement",
    "Kind",
    "LimitName",
    "Limits",
    "LookTaken",
    "LostClaim",
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
