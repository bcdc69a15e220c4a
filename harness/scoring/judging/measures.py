"""The input and the result of a metric of another library, in this project's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import JudgeError
from harness.records import Judgement, Sample


@dataclass(frozen=True, slots=True)
class Fields:
    """The facts that are known of one answer, as `judge.measure` takes them. A metric needs some, and says which."""

    input: str | None = None
    output: str | Sample | None = None
    expected: str | None = None
    context: str | Sequence[str] | None = None
    retrieval_context: str | Sequence[str] | None = None
    tools: Sequence[Any] | None = None
    expected_tools: Sequence[Any] | None = None
    scenario: str | None = None
    user_description: str | None = None
    chatbot_role: str | None = None


RARER = ("retrieval_context", "tools", "expected_tools", "scenario", "user_description", "chatbot_role")
"""Fields that `judge.measure` takes beside those that it names."""


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The score in [0, 1] that one metric gives one answer, None where the judge gave none, which `error` tells.

    `rule` tells the metric's scores from those of another; `judgement` is what the judge did, for the report.
    """

    rule: str
    judgement: Judgement
    value: float | None = None
    reason: str | None = None
    error: JudgeError | None = None
