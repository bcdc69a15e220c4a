"""The input and the result of a metric of another library, in this project's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import JudgeError
from harness.records import Judgement, Sample


@dataclass(frozen=True, slots=True)
class Fields:
    """The facts that are known of one answer. A metric needs some of them, and says which.

    Attributes:
        input: what the answer was asked with.
        output: the answer; a transcript for a metric of conversations.
        expected: what the answer should be.
        context: passages that the answer is held to; for a metric that asks for `retrieval_context`, those too.
        retrieval_context: passages that a retriever found, where they are others than `context`.
        tools: the tools that were called: names, `sample.tool_calls`, or deepeval's `ToolCall`.
        expected_tools: the tools that should have been called.
        scenario, user_description, chatbot_role: of a conversation: what it is about, who the user is, and what the
            assistant is to be.
    """

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
    """The result of one metric for one answer.

    Attributes:
        rule: of the metric, which tells its scores from those of another.
        judgement: what the judge did, for the report.
        value: the score in [0, 1]; None where the judge gave none.
        reason: the metric's.
        error: why the judge gave no score.
    """

    rule: str
    judgement: Judgement
    value: float | None = None
    reason: str | None = None
    error: JudgeError | None = None
