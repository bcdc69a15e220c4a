"""Passages that can be found, as a file gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UsageError


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage.

    Attributes:
        id: its own, once in the file.
        text: its words.
        metadata: what else its line holds.
    """

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_passages(path: Path) -> list[Passage]:
    """The passages of a JSON lines file, each line an object with `id` and `text`.

    Raises:
        UsageError: no such file, no passage in it, a line that is no passage, an id that stands twice.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}. Give a JSON lines file of passages.") from None
    lines_by_id: dict[str, int] = {}
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        passage = _passage(line, f"{path}, line {number}")
        if passage.id in lines_by_id:
            raise UsageError(f"{path}: the id {passage.id!r} stands in lines {lines_by_id[passage.id]} and {number}.")
        lines_by_id[passage.id] = number
        found.append(passage)
    if not found:
        raise UsageError(f'{path} holds no passage; give a line for each, such as {{"id": "hours", "text": "…"}}.')
    return found


def _passage(line: str, where: str) -> Passage:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where} is no JSON: {error}.") from None
    if not isinstance(values, dict) or not isinstance(values.get("text"), str) or not values["text"].strip():
        raise UsageError(f'{where} has no text; write {{"id": "hours", "text": "…"}}.')
    name = values.get("id")
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise UsageError(f'{where} has no id; write {{"id": "hours", "text": "…"}}.')
    return Passage(str(name), values["text"], {k: v for k, v in values.items() if k not in ("id", "text")})
