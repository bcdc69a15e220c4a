"""What became of a document: it is in the corpus, with its text, or a step removed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    """The outcome of a document: kept, or removed by a step for a reason.

    Attributes:
        step: that removed it; None where it was kept.
        reason: of the removal.
        duplicate_of: the id of the document that was kept in its place.
        before: the text that came in; None for one that a step wrote.
        after: the text that came out; None where it was removed.
    """

    id: str
    kept: bool
    step: str | None
    reason: str | None
    duplicate_of: str | None
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return the outcome as a sentence without a full stop."""
        if self.kept:
            return f"{self.id!r} was kept"
        why = f"a duplicate of {self.duplicate_of!r}" if self.duplicate_of else self.reason
        return f"{self.id!r} was removed by {self.step}: {why}"
