"""A plain table: its first column to the left, the others to the right."""

from __future__ import annotations

from collections.abc import Sequence

from harness.reporting.shared.text import cells, pad


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a table as lines.

    >>> columns([("", "red"), ("same", "0.01")])
    ['       red', 'same  0.01']
    """
    widths = [max(cells(row[number]) for row in rows) for number in range(len(rows[0]))]
    return [
        "  ".join(
            pad(cell, width) if number == 0 else " " * (width - cells(cell)) + cell
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
