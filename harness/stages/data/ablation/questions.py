"""Questions for tiny models: held-out texts, which none of them has seen, and continuations to choose from."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.files import json_lines, note_id
from harness.errors import CorpusError


@dataclass(frozen=True, slots=True)
class ClozeItem:
    """One question of a cloze task.

    Attributes:
        context: what is read.
        choices: what may follow, of which one is right.
        answer: its place, counted from 0.
    """

    context: str
    choices: tuple[str, ...]
    answer: int


def read_held_out(path: Path) -> dict[str, str]:
    """The held-out texts of a file of JSON lines, by id.

    Raises:
        CorpusError: it is not there, is empty, or has a line that is no document.
    """
    texts: dict[str, str] = {}
    places: dict[str, str] = {}
    for where, record in _records(path, ("id", "text")):
        if not isinstance(record["text"], str) or not record["text"].strip():
            raise CorpusError(f"{where}: the held-out text is {record['text']!r}; write one, or take the line out.")
        note_id(str(record["id"]), where, places, CorpusError)
        texts[str(record["id"])] = record["text"]
    return texts


def read_cloze(path: Path) -> tuple[ClozeItem, ...]:
    """The items of a cloze task in a file of JSON lines.

    Raises:
        CorpusError: it is not there, is empty, or has a line that is no item.
    """
    items = []
    for where, record in _records(path, ("context", "choices", "answer")):
        choices, answer = record["choices"], record["answer"]
        if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(each, str) for each in choices):
            raise CorpusError(f"{where}: choices = {choices!r} are no two texts or more; write what may follow.")
        if not all(choices) or len(set(choices)) < len(choices):
            raise CorpusError(f"{where}: choices = {choices!r} has one that is empty or there twice.")
        if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
            raise CorpusError(
                f"{where}: answer = {answer!r} is the place of none of {len(choices)} choices; write 0 for the first."
            )
        if not isinstance(record["context"], str):
            raise CorpusError(f"{where}: context = {record['context']!r} is no text.")
        items.append(ClozeItem(record["context"], tuple(choices), answer))
    return tuple(items)


def _records(path: Path, fields: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The lines of a file, each with where it is."""
    found = False
    for where, record in json_lines(path, CorpusError, f"Name a file of JSON lines with {', '.join(fields)}."):
        for name in fields:
            if name not in record:
                near = difflib.get_close_matches(name, record, n=1)
                hint = f" Its field {near[0]!r} may be meant." if near else ""
                raise CorpusError(f"{where} has no field {name!r}; it needs {', '.join(fields)}.{hint}")
        found = True
        yield where, record
    if not found:
        raise CorpusError(f"{path} is empty: there is nothing to measure a model by.")
