"""Blocks of text as lines that fit: cells beside each other and tables of figures, folded where they are too wide."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from harness.reporting.shared.text import ASCII_SIGNS, Block, printable

_NARROWEST = 30
_COMMAND = re.compile(r"^(\s*):(?=:[A-Za-z])")


class Ready(str):
    """A line that was made for this terminal."""


def folded(blocks: Iterable[Block], width: int = 80, encoding: str = "utf-8") -> Iterator[str]:
    """The blocks as harmless lines, of which cells and tables are at most as wide."""
    for n_cells, group in itertools.groupby(blocks, lambda block: len(block) if isinstance(block, tuple) else 0):
        if n_cells:
            yield from _grid(list(group), width, encoding)  # type: ignore[arg-type]
            continue
        for block in group:
            if isinstance(block, list):
                yield from _grid(block, width, encoding, figures=True)
            else:
                yield block if isinstance(block, Ready) else _harmless(block, encoding)  # type: ignore[arg-type]


def _grid(rows: Sequence[Sequence[str]], width: int, encoding: str, *, figures: bool = False) -> Iterator[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for number, _ in enumerate(rows[0]):
        grid.add_column(justify="right" if figures and number else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_harmless(cell, encoding)) for cell in row))
    console = Console(file=io.StringIO(), width=max(_NARROWEST, width), color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().removesuffix("\n").split("\n"):
        yield _COMMAND.sub(r"\1\\x3a", line.rstrip())  # which a line that was folded there may begin with


def _harmless(text: str, encoding: str) -> str:
    if not encoding.lower().startswith("utf"):
        for sign, ascii_text in ASCII_SIGNS.items():
            text = text.replace(sign, ascii_text)
    return printable(text, encoding=encoding)
