"""What is known of an answer: apart, for it imports no deepeval, and is read before and after that is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.records import Sample


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
