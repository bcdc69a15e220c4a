"""The formats by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ReviewFileError, choices
from harness.review.exchange import argilla, json_lines, label_studio, table
from harness.review.exchange.sharing import SharedItem


@dataclass(frozen=True, slots=True)
class ExchangeFormat:
    """The way in which items become a file's text, and back."""

    write: Callable[[Sequence[SharedItem]], str]
    read: Callable[[str], list[SharedItem]]


FORMATS = {
    "jsonl": ExchangeFormat(json_lines.write, json_lines.read),
    "csv": ExchangeFormat(table.write, table.read),
    "label-studio": ExchangeFormat(label_studio.write, label_studio.read),
    "argilla": ExchangeFormat(argilla.write, argilla.read),
}


def find_format(name: str) -> ExchangeFormat:
    """The format of a name.

    Raises:
        ReviewFileError: there is none.
    """
    if name not in FORMATS:
        raise ReviewFileError(choices("format", name, FORMATS))
    return FORMATS[name]


def format_of(path: Path, text: str) -> str:
    """The name of the format that a file is in, by its suffix, and JSON by what its entries have.

    Raises:
        ReviewFileError: it can't be told.
    """
    suffix = path.suffix.casefold()
    if suffix in (".jsonl", ".csv"):
        return suffix[1:]
    if suffix == ".json":
        try:
            entries = json.loads(text)
        except (ValueError, RecursionError):
            entries = None
        if isinstance(entries, list) and entries and isinstance(entries[0], dict):
            return "label-studio" if "data" in entries[0] else "argilla"
    raise ReviewFileError(
        f"What format {str(path)!r} is in can't be told from its name and content; say it with --format "
        f"{'|'.join(FORMATS)}."
    )
