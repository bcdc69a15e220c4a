"""Rubrics: what a judge goes by, written by people in Markdown and read by judges and reviewers alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.config.files import find_file, read_text
from harness.errors import RubricError, choices

HEADINGS = {
    "Criteria": "say there what a good answer is.",
    "Steps": "write there what the judge does in order, such as `1. List what the answer claims.`",
    "Scale": "write a line for each score, such as `- 1: nothing of it is right`.",
    "Input": "write the name of a field of the cases on each line, such as `- prompt`.",
    "Reference": "write the name of the field of the cases that holds a right answer, such as `expected`.",
    "Guidelines": "say there what reviewers should know, or leave the heading out.",
    "Questions": "write there what reviewers are asked besides, with the answers: `- Tone: rude, neutral, friendly`.",
}
"""Each heading that a rubric may have, and what to write under it."""

_STEP = (re.compile(r"\d+[.)](?:\s+(.*))?$"), "is no step")
_POINT = (re.compile(r"[-*]\s+\**(-?\d+)\**\s*:\s*\**\s*(.*)$"), "is no score with its meaning")
_QUESTION = (re.compile(r"[-*]\s+\**([^:*]+?)\**\s*:\s*\**\s*(.*)$"), "is no question with its answers")
_FIELD = (re.compile(r"(?:[-*]\s+)?`?(\S+?)`?$"), "is not the name of a field")


@dataclass(frozen=True, slots=True)
class Rubric:
    """The text that a judge goes by.

    Attributes:
        place: the file, for messages.
        scale: each score with what it means, the lowest first; empty for one that only preferences are asked by.
        input: fields of the case that the judge is shown beside the answer; None for `prompt`, where the case has it.
        reference: the field of the case that holds a right answer, or None.
        guidelines, questions: for people who review, and not for the judge; each question has its answers.
        digest: hash of the file.
    """

    place: str
    title: str
    criteria: str
    steps: tuple[str, ...]
    scale: tuple[tuple[int, str], ...]
    input: tuple[str, ...] | None
    reference: str | None
    guidelines: str
    digest: str
    questions: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def scores(self) -> tuple[int, ...]:
        """The scores of the scale, the lowest first."""
        return tuple(score for score, _ in self.scale)

    def value(self, score: float) -> float:
        """A score of the scale, or one between, as a number in [0, 1]."""
        low, high = self.scale[0][0], self.scale[-1][0]
        return (score - low) / (high - low)

    def check_scale(self, *, weighted: bool = False) -> None:
        """Refuse to rate without a scale, and to weigh by probabilities what is more than one token."""
        if not self.scale:
            raise RubricError(
                f"{self.place} has no scale, and judge.rate needs one: write `## Scale` with a line for each score, "
                "such as `- 1: wrong`. (judge.prefer needs none.)"
            )
        beyond = [score for score in self.scores if not 0 <= score <= 9]
        if weighted and beyond:
            raise RubricError(
                f"{self.place}: weighted=True goes by the probabilities of single digits, and the scale has "
                f"{beyond[0]}; write a scale from 0 to 9 or within it."
            )


class Rubrics:
    """The rubrics that the bodies of an evaluation name, each read once, from the first of `folders` that has it."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = folders
        self._read: dict[str, Rubric] = {}

    def get(self, path: str | Path) -> Rubric:
        """The rubric of this path; `RubricError` where there is none, or no judge could go by it."""
        if not isinstance(path, str | Path) or not str(path):
            raise RubricError(
                f"rubric = {path!r} is not a path; write one such as evals/evaluation/summaries/rubric.md."
            )
        if str(path) not in self._read:
            found = find_file(Path(path), self._folders, kind="rubric", suffixes=(".md",), error=RubricError)
            if found is None:
                looked = ", ".join(map(str, self._folders)) or "no folder"
                raise RubricError(f"There is no rubric {str(path)!r}, a Markdown file (.md). Looked in {looked}.")
            self._read[str(path)] = read_rubric(read_text(found, RubricError), str(found))
        return self._read[str(path)]

    def of_digest(self, digest: str) -> Rubric | None:
        """The rubric of this digest, of those that were read; None where it is none of them."""
        return next((rubric for rubric in self._read.values() if rubric.digest == digest), None)


def read_rubric(text: str, place: str) -> Rubric:
    """The rubric in a text with a title (`# …`) and sections under `HEADINGS`, of which a judge needs the first two.

    Raises:
        RubricError: naming file and line.
    """
    title, sections = _split(text, place)
    for name in ("Criteria", "Steps"):
        if name not in sections:
            raise RubricError(f"{place} has no `## {name}`; {HEADINGS[name]}")
    scale: dict[int, str] = {}
    for at, score, meaning in _items(sections, "Scale", *_POINT):
        if int(score) in scale:
            raise RubricError(f"{at}: the score {score} is there twice; each has one meaning.")
        scale[int(score)] = meaning
    if len(scale) == 1:
        at = sections["Scale"][0][0]
        raise RubricError(f"{at}: a scale of one score, {score}, can't tell answers apart; add one.")
    fields = {name: tuple(field for _, field in _items(sections, name, *_FIELD)) for name in ("Input", "Reference")}
    if len(fields["Reference"]) > 1:
        at, count = sections["Reference"][0][0], len(fields["Reference"])
        raise RubricError(f"{at}: a reference is one field of the case, not {count}.")
    return Rubric(
        place=place,
        title=title,
        criteria=_text(sections["Criteria"]),
        steps=tuple(step for _, step in _items(sections, "Steps", *_STEP)),
        scale=tuple(sorted(scale.items())),
        input=fields["Input"] or None,
        reference=next(iter(fields["Reference"]), None),
        guidelines=_text(sections.get("Guidelines", [])),
        digest=hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        questions=tuple(_questions(sections)),
    )


def _questions(sections: _Sections) -> Iterator[tuple[str, tuple[str, ...]]]:
    titles = set[str]()
    for at, title, text in _items(sections, "Questions", *_QUESTION):
        answers = tuple(filter(None, map(str.strip, text.split(","))))
        if len(answers) < 2 or len({*answers}) < len(answers) or title in titles:
            raise RubricError(
                f"{at}: {title!r} is there twice, or lacks two answers that differ: {HEADINGS['Questions']}"
            )
        titles.add(title)
        yield title, answers


_Sections = dict[str, list[tuple[str, str]]]
"""The lines under each heading with their places, after the place of the heading with an empty line."""


def _split(text: str, place: str) -> tuple[str, _Sections]:
    """The title and the sections; what looks like a heading within a block of code is none."""
    title, sections, in_code = "", _Sections(), False
    known = {heading.casefold(): heading for heading in HEADINGS}
    for number, line in enumerate(text.splitlines(), 1):
        at, words = f"{place}, line {number}", line.strip("# \t")
        in_code ^= line.lstrip().startswith(("```", "~~~"))
        heading = None if in_code else re.match(r"(##?)(?:\s|$)", line)
        if heading is None and sections:
            next(reversed(sections.values())).append((at, line))
        elif heading is None and line.strip():
            raise RubricError(f"{at}: {line.strip()[:60]!r} stands under no heading; put it under `## Criteria`.")
        elif heading is not None and heading[1] == "#":
            if title or sections:
                raise RubricError(f"{at}: a rubric has one title, at its beginning; write {line.strip()!r} with `##`.")
            title = words
        elif heading is not None:
            if (name := known.get(words.casefold())) is None:
                raise RubricError(f"{at}: {choices('heading', words, HEADINGS)}")
            if sections.setdefault(name, [(at, "")])[0][0] != at:
                first = sections[name][0][0].rpartition(", ")[2]
                raise RubricError(f"{at}: `## {name}` is there twice, first in {first}; join them.")
    if not title:
        raise RubricError(f"{place} has no title; begin it with `# ` and what is judged, such as `# Faithful summary`.")
    for name, lines in sections.items():
        if not _text(lines):
            raise RubricError(f"{lines[0][0]}: `## {name}` is empty; {HEADINGS[name]}")
    return title, sections


def _text(lines: Sequence[tuple[str, str]]) -> str:
    return "\n".join(line for _, line in lines).strip()


def _items(sections: _Sections, name: str, pattern: re.Pattern[str], wrong: str) -> list[list[str]]:
    """The place and the parts of each item of a list; a line that goes on with an item joins its last part."""
    items: list[list[str]] = []
    for at, line in sections.get(name, ()):
        if found := pattern.match(line.strip()):
            items.append([at, *(part or "" for part in found.groups())])
        elif line.strip() and (not items or pattern is _FIELD[0] or re.match(r"[-*+\d]", line)):
            raise RubricError(f"{at}: {line.strip()!r} {wrong}; {HEADINGS[name]}")
        elif items:
            items[-1][-1] = f"{items[-1][-1]} {line.strip()}".strip()
    for at, *parts in items:
        if not parts[-1]:
            raise RubricError(f"{at}: an item without a text; {HEADINGS[name]}")
    return items
