"""Items and labels as files: JSON lines and CSV.

Unless asked otherwise, an export holds nothing that unblinds: no version, run, judge score, drawing or label, and the
answers of a pair in an order that only Steelyard can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import ReviewFileError, choices
from harness.review.exchange import json_lines, table
from harness.review.exchange.sharing import SharedItem, exported, import_items

__all__ = ["ExchangeFormat", "SharedItem", "exported", "format_of", "import_items"]


class ExchangeFormat(NamedTuple):
    """The way in which items become a file's text, and back."""

    write: Callable[[Sequence[SharedItem]], str]
    read: Callable[[str], list[SharedItem]]


_FORMATS = {
    ".jsonl": ExchangeFormat(json_lines.write, json_lines.read),
    ".csv": ExchangeFormat(table.write, table.read),
}


def format_of(path: Path) -> ExchangeFormat:
    """The format of a file, by its suffix.

    Raises:
        ReviewFileError: it is none of them.
    """
    suffix = path.suffix.casefold()
    if suffix not in _FORMATS:
        raise ReviewFileError(f"{path}: {choices('format', suffix, _FORMATS)}")
    return _FORMATS[suffix]
