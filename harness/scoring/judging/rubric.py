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
}
"""Each heading that a rubric may have, and what to write under it."""

_STEP = re.compile(r"\d+[.)](?:\s+(.*))?$")
_POINT = re.compile(r"[-*]\s+\**(-?\d+)\**\s*:\s*\**\s*(.*)$")
_NEW_ITEM = re.compile(r"[-*+\d]")


@dataclass(frozen=True, slots=True)
class Rubric:
    """The text that a judge goes by.

    Attributes:
        place: the file, for messages.
        title: what is judged, in a few words.
        criteria: what a good answer is.
        steps: what the judge does, in order; the same for every answer.
        scale: each score with what it means, the lowest first; empty for one that only preferences are asked by.
        input: fields of the case that the judge is shown beside the answer; None for `prompt`, where the case has it.
        reference: the field of the case that holds a right answer, or None.
        guidelines: for people who review, and not for the judge.
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

    @property
    def scores(self) -> tuple[int, ...]:
        """The scores of the scale, the lowest first."""
        return tuple(score for score, _ in self.scale)

    def value(self, score: float) -> float:
        """A score of the scale, or one between, as a number in [0, 1]."""
        low, high = self.scale[0][0], self.scale[-1][0]
        return (score - low) / (high - low)

    def check_scale(self, *, weighted: bool = False) -> None:
        """Refuse to rate without a scale, and to weigh by probabilities what is more than one token.

        Raises:
            RubricError: naming the file.
        """
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
    """The rubrics that the bodies of an evaluation name, each read once.

    Args:
        folders: where relative paths are looked for; the first that has the file counts.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = folders
        self._read: dict[str, Rubric] = {}

    def get(self, path: str | Path) -> Rubric:
        """The rubric of this path.

        Raises:
            RubricError: there is no such file, or no judge could go by it; with file and line.
        """
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
    """The rubric that a text of fixed headings is.

    Args:
        text: a title (`# …`) and the sections `## Criteria`, `## Steps` (a numbered list), `## Scale` (a line
            `- SCORE: MEANING` for each score; needed to rate), `## Input` and `## Reference` (names of case fields),
            and `## Guidelines` (for people).
        place: its file, for messages.

    Raises:
        RubricError: naming file and line.
    """
    title, sections = _split(text, place)
    for name in ("Criteria", "Steps"):
        if name not in sections:
            raise RubricError(f"{place} has no `## {name}`; {HEADINGS[name]}")
    reference = _fields(sections["Reference"]) if "Reference" in sections else ()
    if len(reference) > 1:
        raise RubricError(f"{sections['Reference'].at}: a reference is one field of the case, not {len(reference)}.")
    return Rubric(
        place=place,
        title=title,
        criteria=sections["Criteria"].text,
        steps=tuple(step for _, (step,) in _list(sections["Steps"], _STEP, "is no step")),
        scale=_scale(sections["Scale"]) if "Scale" in sections else (),
        input=_fields(sections["Input"]) if "Input" in sections else None,
        reference=reference[0] if reference else None,
        guidelines=sections["Guidelines"].text if "Guidelines" in sections else "",
        digest=hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
    )


class _Section:
    """The lines under a heading, each with its place."""

    def __init__(self, name: str, at: str) -> None:
        self.name, self.at = name, at
        self.lines: list[tuple[str, str]] = []

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines).strip()

    def refused(self, at: str, why: str) -> RubricError:
        return RubricError(f"{at}: {why}; {HEADINGS[self.name]}")


def _split(text: str, place: str) -> tuple[str, dict[str, _Section]]:
    """The title and the sections by their heading; what looks like a heading within a block of code is none."""
    title, sections, in_code = "", dict[str, _Section](), False
    known = {heading.casefold(): heading for heading in HEADINGS}
    for number, line in enumerate(text.splitlines(), 1):
        at, words = f"{place}, line {number}", line.strip("# \t")
        in_code ^= line.lstrip().startswith(("```", "~~~"))
        heading = None if in_code else re.match(r"(##?)(?:\s|$)", line)
        if heading is None:
            if sections:
                list(sections.values())[-1].lines.append((at, line))
            elif line.strip():
                raise RubricError(f"{at}: {line.strip()[:60]!r} stands under no heading; put it under `## Criteria`.")
        elif heading[1] == "#":
            if title or sections:
                raise RubricError(f"{at}: a rubric has one title, at its beginning; write {line.strip()!r} with `##`.")
            title = words
        else:
            if (name := known.get(words.casefold())) is None:
                raise RubricError(f"{at}: {choices('heading', words, HEADINGS)}")
            if name in sections:
                first = sections[name].at.rpartition(", ")[2]
                raise RubricError(f"{at}: `## {name}` is there twice, first in {first}; join them.")
            sections[name] = _Section(name, at)
    if not title:
        raise RubricError(f"{place} has no title; begin it with `# ` and what is judged, such as `# Faithful summary`.")
    for section in sections.values():
        if not section.text:
            raise section.refused(section.at, f"`## {section.name}` is empty")
    return title, sections


def _list(section: _Section, pattern: re.Pattern[str], wrong: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the place of each item of a list, and its parts; lines that go on with an item join its last part."""
    items: list[tuple[str, list[str]]] = []
    for at, line in section.lines:
        if found := pattern.match(line.strip()):
            items.append((at, [part or "" for part in found.groups()]))
        elif line.strip() and (not items or _NEW_ITEM.match(line)):
            raise section.refused(at, f"{line.strip()!r} {wrong}")
        elif items:
            items[-1][1][-1] = f"{items[-1][1][-1]} {line.strip()}".strip()
    for at, parts in items:
        if not parts[-1]:
            raise section.refused(at, "an item without a text")
        yield at, parts


def _scale(section: _Section) -> tuple[tuple[int, str], ...]:
    scale: dict[int, str] = {}
    for at, (score, meaning) in _list(section, _POINT, "is no score with its meaning"):
        if int(score) in scale:
            raise RubricError(f"{at}: the score {score} is there twice; each has one meaning.")
        scale[int(score)] = meaning
    if len(scale) == 1:
        raise RubricError(
            f"{section.at}: a scale of one score, {next(iter(scale))}, can't tell answers apart; add one."
        )
    return tuple(sorted(scale.items()))


def _fields(section: _Section) -> tuple[str, ...]:
    """Names of case fields, one on each line."""
    names = [(at, line.strip(), re.sub(r"^[-*]\s+", "", line.strip()).strip().strip("`")) for at, line in section.lines]
    for at, line, name in names:
        if len(name.split()) > 1:
            raise section.refused(at, f"{line!r} is not the name of a field")
    return tuple(name for _, _, name in names if name)
