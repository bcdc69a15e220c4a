"""Drawings that commands write into files."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError


def write_drawing(option: str, path: Path, text: str) -> None:
    """Write a drawing where an option says.

    Raises:
        UsageError: it can't be written; naming the option.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{option} {path} can't be written: {error.strerror}.") from None
