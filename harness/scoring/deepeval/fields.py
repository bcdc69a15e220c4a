"""What a metric of deepeval may look at, in this project's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fields:
    """What is known of one answer. A metric needs some of it, and says which.

    Attributes:
        input: what the answer was asked with.
        output: the answer.
        expected: what the answer should be.
        context: passages that the answer is held to; for a metric that asks for `retrieval_context`, those too.
        retrieval_context: passages that a retriever found, where they are others than `context`.
        tools: the tools that were called: names, `sample.tool_calls`, or deepeval's `ToolCall`.
        expected_tools: the tools that should have been called.
    """

    input: str | None = None
    output: str | None = None
    expected: str | None = None
    context: str | Sequence[str] | None = None
    retrieval_context: str | Sequence[str] | None = None
    tools: Sequence[Any] | None = None
    expected_tools: Sequence[Any] | None = None
