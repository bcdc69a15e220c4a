"""Rubrics: what a judge goes by, written by people in Markdown and read by judges and reviewers alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.config.files import find_file, read_text
from harness.errors import RubricError, choices

HEADINGS = ("Criteria", "Steps", "Scale", "Input", "Reference", "Guidelines")
SUFFIXES = (".md",)

_REQUIRED = ("Criteria", "Steps")
_STEP = re.compile(r"\d+[.)](?:\s+(.*))?$")
_POINT = re.compile(r"[-*]\s+\**(-?\d+)\**\s*:\s*\**\s*(.*)$")
_MARKED = re.compile(r"[-*]\s+(.*)$")
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
        name = str(path)
        if name not in self._read:
            self._read[name] = _load(path, self._folders)
        return self._read[name]

    def of_digest(self, digest: str) -> Rubric | None:
        """The rubric of this digest, of those that were read; None where it is none of them."""
        return next((rubric for rubric in self._read.values() if rubric.digest == digest), None)


def _load(path: object, folders: Sequence[Path]) -> Rubric:
    if not isinstance(path, str | Path) or not str(path):
        raise RubricError(f"rubric = {path!r} is not a path; write one such as evals/evaluation/summaries/rubric.md.")
    found = find_file(Path(path), folders, kind="rubric", suffixes=SUFFIXES, error=RubricError)
    if found is None:
        looked = ", ".join(map(str, folders)) or "no folder"
        raise RubricError(f"There is no rubric {str(path)!r}, a Markdown file ({SUFFIXES[0]}). Looked in {looked}.")
    return read_rubric(read_text(found, RubricError), str(found))


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
    for name in _REQUIRED:
        if name not in sections:
            raise RubricError(f"{place} has no `## {name}`; {_EXAMPLES[name]}")
    reference = sections["Reference"].fields() if "Reference" in sections else ()
    if len(reference) > 1:
        raise RubricError(f"{sections['Reference'].at}: a reference is one field of the case, not {len(reference)}.")
    return Rubric(
        place=place,
        title=title,
        criteria=sections["Criteria"].text(),
        steps=sections["Steps"].steps(),
        scale=sections["Scale"].scale() if "Scale" in sections else (),
        input=sections["Input"].fields() if "Input" in sections else None,
        reference=reference[0] if reference else None,
        guidelines=sections["Guidelines"].text() if "Guidelines" in sections else "",
        digest=hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
    )


_EXAMPLES = {
    "Criteria": "say there what a good answer is.",
    "Steps": "write there what the judge does in order, such as `1. List what the answer claims.`",
    "Scale": "write a line for each score, such as `- 1: nothing of it is right`.",
    "Input": "write the name of a field of the cases on each line, such as `- prompt`.",
    "Reference": "write the name of the field of the cases that holds a right answer, such as `expected`.",
    "Guidelines": "say there what reviewers should know, or leave the heading out.",
}


@dataclass(frozen=True, slots=True)
class _Section:
    """The lines under a heading, with the number of each."""

    name: str
    place: str
    line: int
    lines: list[tuple[int, str]]

    @property
    def at(self) -> str:
        """The place of the heading, for messages."""
        return f"{self.place}, line {self.line}"

    def text(self) -> str:
        """The whole text."""
        text = "\n".join(line for _, line in self.lines).strip()
        if not text:
            raise RubricError(f"{self.at}: `## {self.name}` is empty; {_EXAMPLES[self.name]}")
        return text

    def steps(self) -> tuple[str, ...]:
        """The items of a numbered list."""
        return tuple(text for _, (text,) in self._items(_STEP, "is no step"))

    def scale(self) -> tuple[tuple[int, str], ...]:
        """Each score with its meaning, the lowest first."""
        scale: dict[int, str] = {}
        for at, (score, label) in self._items(_POINT, "is no score with its meaning"):
            if int(score) in scale:
                raise RubricError(f"{at}: the score {score} is there twice; each has one meaning.")
            scale[int(score)] = label
        if len(scale) == 1:
            raise RubricError(
                f"{self.at}: a scale of one score, {next(iter(scale))}, can't tell answers apart; add one."
            )
        return tuple(sorted(scale.items()))

    def fields(self) -> tuple[str, ...]:
        """Names of case fields, one on each line."""
        self.text()
        names = []
        for number, line in self.lines:
            marked = _MARKED.match(line.strip())
            name = (marked[1] if marked else line).strip().strip("`")
            if len(name.split()) > 1:
                raise RubricError(
                    f"{self.place}, line {number}: {line.strip()!r} is not the name of a field; {_EXAMPLES[self.name]}"
                )
            names += [name] if name else []
        return tuple(names)

    def _items(self, pattern: re.Pattern[str], wrong: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the place of each item of a list, and its parts; lines that go on with an item join its last part."""
        self.text()
        items: list[tuple[str, list[str]]] = []
        for number, line in self.lines:
            at, found = f"{self.place}, line {number}", pattern.match(line.strip())
            if found:
                items.append((at, [part or "" for part in found.groups()]))
            elif line.strip() and (not items or _NEW_ITEM.match(line)):
                raise RubricError(f"{at}: {line.strip()!r} {wrong}; {_EXAMPLES[self.name]}")
            elif items:
                items[-1][1][-1] = f"{items[-1][1][-1]} {line.strip()}".rstrip()
        for at, parts in items:
            if not parts[-1].strip():
                raise RubricError(f"{at}: an item without a text; {_EXAMPLES[self.name]}")
            yield at, tuple(part.strip() for part in parts)


def _split(text: str, place: str) -> tuple[str, dict[str, _Section]]:
    """The title and the sections by their heading."""
    title, sections = "", dict[str, _Section]()
    open_section: _Section | None = None
    is_heading = _headings()
    for number, line in enumerate(text.splitlines(), 1):
        at, heading = f"{place}, line {number}", is_heading(line)
        if heading == 1:
            if title or sections:
                raise RubricError(f"{at}: a rubric has one title, at its beginning; write {line.strip()!r} with `##`.")
            title = line.strip("# \t")
        elif heading == 2:
            name = _known(line.strip("# \t"), at)
            if name in sections:
                raise RubricError(f"{at}: `## {name}` is there twice, first in line {sections[name].line}; join them.")
            open_section = sections[name] = _Section(name, place, number, [])
        elif open_section is not None:
            open_section.lines.append((number, line))
        elif line.strip():
            raise RubricError(f"{at}: {line.strip()[:60]!r} stands under no heading; put it under `## Criteria`.")
    if not title:
        raise RubricError(f"{place} has no title; begin it with `# ` and what is judged, such as `# Faithful summary`.")
    return title, sections


def _headings() -> Callable[[str], int]:
    """Tells of one line after the other whether it is a title (1), a section's heading (2) or neither (0)."""
    in_code = False

    def level(line: str) -> int:
        nonlocal in_code
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        found = re.match(r"(##?)(?:\s|$)", line)
        return 0 if in_code or found is None else len(found[1])

    return level


def _known(name: str, at: str) -> str:
    by_name = {heading.casefold(): heading for heading in HEADINGS}
    if name.casefold() not in by_name:
        raise RubricError(f"{at}: {choices('heading', name, HEADINGS)}")
    return by_name[name.casefold()]
