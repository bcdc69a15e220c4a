"""The outcome of a build: of a document, that it is in the corpus, or which step removed it and why; and of a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document as a corpus has it, or as a step of the user's own gets it; its metadata can't be changed."""

    id: str
    text: str
    url: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome of a document: kept, or removed by a step for a reason, or as a duplicate of one that was kept.

    `before` is the text that came in; `after` the one that came out, None where it was removed.
    """

    id: str
    kept: bool
    step: str | None
    reason: str | None
    duplicate_of: str | None
    before: str
    after: str | None

    def __str__(self) -> str:
        """Return the outcome as a sentence without a full stop."""
        if self.kept:
            return f"{self.id!r} was kept"
        why = f"a duplicate of {self.duplicate_of!r}" if self.duplicate_of else self.reason
        return f"{self.id!r} was removed by {self.step}: {why}"


@dataclass(frozen=True, slots=True)
class StepStatistics:
    """Documents and seconds of one step."""

    step: str
    documents_in: int
    documents_out: int
    seconds: float
    reasons: Mapping[str, int]

    @property
    def removed(self) -> int:
        """Count the documents that the step removed."""
        return self.documents_in - self.documents_out

    @classmethod
    def of(cls, *rows: Mapping[str, Any]) -> StepStatistics:
        """The sums over rows as `as_json` gives them, or as tasks leave them: one for each shard."""
        reasons = sum((Counter(row["reasons"]) for row in rows), Counter[str]())
        n_in, seconds = (sum(row[key] for row in rows) for key in ("in", "seconds"))
        return cls(rows[0]["step"], n_in, n_in - reasons.total(), round(seconds, 3), dict(sorted(reasons.items())))

    def as_json(self) -> dict[str, Any]:
        """The statistics as JSON has them."""
        counts = {"in": self.documents_in, "out": self.documents_out, "removed": self.removed}
        return {"step": self.step, **counts, "seconds": self.seconds, "reasons": dict(self.reasons)}


@dataclass(frozen=True, slots=True)
class CorpusStatistics:
    """Documents, tokens and seconds of a build.

    Attributes:
        token_unit: "words", or the version whose tokens are counted.
        seconds: of the run that ended the build; those of a step are summed over all runs and workers, but of `exact`
            and `minhash`, which look at all documents at once, they are those from begin to end.
    """

    name: str
    fingerprint: str
    documents_in: int
    documents_out: int
    tokens_in: int
    tokens_out: int
    token_unit: str
    seconds: float
    steps: tuple[StepStatistics, ...]

    def as_json(self) -> dict[str, Any]:
        """The statistics as JSON has them."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**own, "steps": [step.as_json() for step in self.steps]}
