"""The types of a judge in a `def` body."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from harness.records import Sample, Score
    from harness.scoring.judging.judge import AnyCase


class SyncJudge(Protocol):
    """A judge as a `def` body sees it: every method gives its score directly.

    It is the same object as `Judge`; only the types differ. There is nothing to make here: annotate the fixture.
    """

    @property
    def name(self) -> str:
        """The names of the judging versions."""

    def rate(
        self,
        answer: str | Sample,
        *,
        rubric: str | Path,
        case: AnyCase | None = None,
        reference: Any = None,
        repeats: int = 1,
        weighted: bool = False,
    ) -> Score:
        """As `Judge.rate`: the score of an answer by a rubric."""

    def prefer(
        self,
        first: str | Sample,
        second: str | Sample,
        *,
        rubric: str | Path,
        case: AnyCase | None = None,
        reference: Any = None,
        repeats: int = 1,
    ) -> Score:
        """As `Judge.prefer`: 1 where the first answer is the better one."""

    def measure(
        self,
        metric: Any,
        *,
        input: str | None = None,  # noqa: A002 - deepeval's word for it
        output: str | Sample | None = None,
        expected: str | None = None,
        context: str | Sequence[str] | None = None,
        **more: Any,
    ) -> Score:
        """As `Judge.measure`: the score that a metric of deepeval gives."""
