"""Forms: what reviewers are asked, from a rubric file or from a few words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from harness.errors import LabelError, RubricError
from harness.records.review import PREFERENCES, Form, LabelChoice
from harness.scoring.judging.rubric import Rubric, read_rubric

_SUFFIX = "*.md"


def rating_form(rubric: Rubric) -> Form:
    """To score one answer on the rubric's scale.

    Raises:
        RubricError: the rubric has no scale.
    """
    rubric.check_scale()
    choices = tuple(LabelChoice(score, meaning, rubric.value(score)) for score, meaning in rubric.scale)
    return Form("scale", rubric.title, rubric.criteria, rubric.guidelines, choices, rubric.digest)


def preference_form(rubric: Rubric | None = None) -> Form:
    """To say which of two answers is the better one, by a rubric where there is one."""
    if rubric is None:
        return Form("preference", "Which answer is better?", choices=PREFERENCES)
    return Form("preference", rubric.title, rubric.criteria, rubric.guidelines, PREFERENCES, rubric.digest)


def category_form(categories: Iterable[str], rubric: Rubric | None = None) -> Form:
    """To put one answer into a category.

    Args:
        categories: each a name, with what it counts for in [0, 1] where it counts: "right=1", "wrong=0", "unclear".

    Raises:
        LabelError: fewer than two, one twice, or a score that is none.
    """
    choices = tuple(map(_category, categories))
    names = [choice.value for choice in choices]
    if len(set(names)) < max(2, len(names)):
        raise LabelError(
            f"Categories {', '.join(map(str, names))}: give two or more, each once, such as right=1 wrong=0."
        )
    if rubric is None:
        return Form("categories", "Which category?", choices=choices)
    return Form("categories", rubric.title, rubric.criteria, rubric.guidelines, choices, rubric.digest)


def _category(text: str) -> LabelChoice:
    name, given, score = (part.strip() for part in text.partition("="))
    if not name:
        raise LabelError(f"The category {text!r} has no name; write NAME or NAME=SCORE.")
    if not given:
        return LabelChoice(name, "", None)
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise LabelError(f"The category {text!r} counts for {score!r}, which is no number in [0, 1].")
    return LabelChoice(name, "", value)


def text_form(title: str) -> Form:
    """To write a free text of one answer."""
    return Form("text", title)


def find_rubric(folder: Path, digest: str) -> Rubric | None:
    """The rubric file of this digest, which a judge went by, in a folder and those below."""
    for path in sorted(folder.rglob(_SUFFIX)):
        try:
            rubric = read_rubric(path.read_text(encoding="utf-8-sig"), str(path))
        except (RubricError, OSError, UnicodeDecodeError):
            continue
        if rubric.digest == digest:
            return rubric
    return None
