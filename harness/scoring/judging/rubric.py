"""Rubrics: what a judge goes by, written by people in Markdown and read by judges and reviewers alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
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

_FIELD = re.compile(r"(?:[-*]\s+)?`?(\S+?)`?$")
_ITEMS = {
    "Steps": re.compile(r"\d+[.)](?:\s+(.*))?$"),
    "Scale": re.compile(r"[-*]\s+\**(-?\d+)\**\s*:\s*\**\s*(.*)$"),
    "Input": _FIELD,
    "Reference": _FIELD,
    "Questions": re.compile(r"[-*]\s+\**([^:*]+?)\**\s*:\s*\**\s*(.*)$"),
}


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
            file = find_file(Path(path), self._folders, kind="rubric", suffixes=(".md",), error=RubricError)
            if file is None:
                looked = ", ".join(map(str, self._folders)) or "no folder"
                raise RubricError(f"There is no rubric {str(path)!r}, a Markdown file (.md). Looked in {looked}.")
            self._read[str(path)] = read_rubric(read_text(file, RubricError), str(file))
        return self._read[str(path)]

    def of_digest(self, digest: str) -> Rubric | None:
        """The rubric of this digest, of those that were read; None where it is none of them."""
        return next((rubric for rubric in self._read.values() if rubric.digest == digest), None)


def read_rubric(text: str, place: str) -> Rubric:
    """The rubric in a text with a title (`# …`) and sections under `HEADINGS`, of which a judge needs the first two.

    Raises:
        RubricError: naming file and heading.
    """
    title, sections = _split(text, place)
    for name in ("Criteria", "Steps"):
        if name not in sections:
            raise RubricError(f"{place} has no `## {name}`; {HEADINGS[name]}")
    items = {name: _items(name, sections.get(name, []), place) for name in _ITEMS}
    scale = {int(score): meaning for score, meaning in items["Scale"]}
    if len(scale) == 1 or len(scale) < len(items["Scale"]):
        raise RubricError(f"{place}, `## Scale`: each score stands there once, and there are two or more.")
    if len(items["Reference"]) > 1:
        raise RubricError(
            f"{place}, `## Reference`: a reference is one field of the case, not {len(items['Reference'])}."
        )
    questions = {title: tuple(filter(None, map(str.strip, text.split(",")))) for title, text in items["Questions"]}
    if len(questions) < len(items["Questions"]) or any(len({*each}) < max(2, len(each)) for each in questions.values()):
        raise RubricError(
            f"{place}, `## Questions`: each stands there once, with two answers or more that differ; "
            f"{HEADINGS['Questions']}"
        )
    return Rubric(
        place=place,
        title=title,
        criteria=_joined(sections["Criteria"]),
        steps=tuple(step for (step,) in items["Steps"]),
        scale=tuple(sorted(scale.items())),
        input=tuple(field for (field,) in items["Input"]) or None,
        reference=next((field for (field,) in items["Reference"]), None),
        guidelines=_joined(sections.get("Guidelines", [])),
        digest=hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        questions=tuple(questions.items()),
    )


def _split(text: str, place: str) -> tuple[str, dict[str, list[str]]]:
    """The title, and the lines under each heading; what looks like a heading within a block of code is none."""
    title, sections, in_code = "", dict[str, list[str]](), False
    known = {heading.casefold(): heading for heading in HEADINGS}
    for line in text.splitlines():
        in_code ^= line.lstrip().startswith(("```", "~~~"))
        words = line.strip("# \t")
        if in_code or not re.match(r"##?(?:\s|$)", line):
            if sections:
                next(reversed(sections.values())).append(line)
            elif line.strip():
                raise RubricError(
                    f"{place}: {line.strip()[:60]!r} stands under no heading; put it under `## Criteria`."
                )
        elif not title and not line.startswith("##"):
            title = words
        elif (name := known.get(words.casefold())) is None:
            raise RubricError(f"{place}: {choices('heading', words, HEADINGS)}")
        elif name in sections:
            raise RubricError(f"{place}: `## {name}` is there twice; join them.")
        else:
            sections[name] = []
    if not title:
        raise RubricError(f"{place} has no title; begin it with `# ` and what is judged, such as `# Faithful summary`.")
    for name, lines in sections.items():
        if not _joined(lines):
            raise RubricError(f"{place}: `## {name}` is empty; {HEADINGS[name]}")
    return title, sections


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip()


def _items(name: str, lines: Sequence[str], place: str) -> list[list[str]]:
    """The parts of each item of a list; a line that goes on with an item joins its last part."""
    items: list[list[str]] = []
    for line in filter(str.strip, lines):
        if item := _ITEMS[name].match(line.strip()):
            items.append([part or "" for part in item.groups()])
        elif items and name in ("Steps", "Scale") and not re.match(r"[-*+\d]", line):
            items[-1][-1] = f"{items[-1][-1]} {line.strip()}".strip()
        else:
            raise RubricError(f"{place}, `## {name}`: {line.strip()!r} is none of its items; {HEADINGS[name]}")
    if not all(parts[-1] for parts in items):
        raise RubricError(f"{place}, `## {name}`: an item has no text; {HEADINGS[name]}")
    return items
