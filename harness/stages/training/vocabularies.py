"""Comparison of two models' vocabularies and chat templates: by content, not by size or name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer


@dataclass(frozen=True, slots=True)
class OtherToken:
    """A token that means something else to the student.

    Attributes:
        id: its number.
        theirs: what it is to the teacher; None where it has no such token.
        ours: what it is to the student.
    """

    id: int
    theirs: str | None
    ours: str | None

    def __str__(self) -> str:
        return f"token {self.id:,} is {self.theirs!r} to the teacher and {self.ours!r} to the student"


def other_tokens(teacher: VersionTokenizer, student: VersionTokenizer) -> Iterator[OtherToken]:
    """All tokens that are not the same to both, in the order of their numbers."""
    for number, (theirs, ours) in enumerate(zip_longest(teacher.pieces, student.pieces)):
        if theirs != ours:
            yield OtherToken(number, theirs, ours)


def template_of(tokenizer: VersionTokenizer) -> tuple[str, Mapping[str, str]] | None:
    """The chat template that counts, and the special tokens that it names; None where there is none."""
    template = next(iter(tokenizer.templates.values()), None)
    if template is None:
        return None
    return template, {name: token for name, token in tokenizer.special_tokens.items() if name in template}


def load_both(teacher: Path, student: Path) -> tuple[VersionTokenizer, VersionTokenizer]:
    """The tokenizers of two folders, of weights or of a tokenizer alone."""
    theirs, ours = (load_tokenizer({"tokenizer": str(folder)}, folder) for folder in (teacher, student))
    return theirs, ours
