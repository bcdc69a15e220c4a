"""Passages that can be found, as a file gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.config.files import json_lines, note_id
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
    places: dict[str, str] = {}
    found = []
    for where, values in json_lines(path, UsageError, _HINT):
        passage = _passage(values, where)
        note_id(passage.id, where, places, UsageError)
        found.append(passage)
    if not found:
        raise UsageError(f"{path} holds no passage. {_HINT}")
    return found


_HINT = 'Write {"id": "hours", "text": "…"} in a line for each passage.'


def _passage(values: Mapping[str, Any], where: str) -> Passage:
    if not isinstance(values.get("text"), str) or not values["text"].strip():
        raise UsageError(f"{where} has no text. {_HINT}")
    name = values.get("id")
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise UsageError(f"{where} has no id. {_HINT}")
    return Passage(str(name), values["text"], {k: v for k, v in values.items() if k not in ("id", "text")})
