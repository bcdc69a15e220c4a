"""Comparison of two models' vocabularies and chat templates: by content, not by size or name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from harness.errors import UsageError
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer


def other_tokens(teacher: VersionTokenizer, student: VersionTokenizer) -> Iterator[str]:
    """All tokens that are not the same to both, in words, in the order of their numbers."""
    for number, (theirs, ours) in enumerate(zip_longest(teacher.pieces, student.pieces)):
        if theirs != ours:
            yield f"token {number:,} is {theirs!r} to the teacher and {ours!r} to the student"


def template_of(tokenizer: VersionTokenizer) -> tuple[str, Mapping[str, str]] | None:
    """The chat template that counts, and the special tokens that it names; None where there is none."""
    template = next(iter(tokenizer.templates.values()), None)
    if template is None:
        return None
    return template, {name: token for name, token in tokenizer.special_tokens.items() if name in template}


def check_vocabularies(teacher: Path, student: Path) -> None:
    """See that a token means the same to both, and that both write a chat alike, by the content of their files."""
    theirs, ours = (load_tokenizer({"tokenizer": str(folder)}, folder) for folder in (teacher, student))
    different = next(other_tokens(theirs, ours), None)
    problem = different and f"The vocabularies of {theirs.n_tokens:,} and {ours.n_tokens:,} tokens differ, {different}"
    if template_of(theirs) != template_of(ours):
        problem = problem or (
            "The chat templates of teacher and student differ, or special tokens that they name, so that a chat is "
            "other tokens to each. Give the student the teacher's template and special tokens"
        )
    if problem:
        raise UsageError(f'{problem}: teaching by logits needs one vocabulary; method = "sequence" teaches by texts.')
