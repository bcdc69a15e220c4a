"""The console: the result of a command as JSON, or as text that is folded and can't harm the terminal."""

from __future__ import annotations

import functools
import io
import itertools
import json
import pkgutil
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click

from harness.reporting.shared.text import ASCII_SIGNS, Block, printable

_NARROWEST = 30
_COMMAND = re.compile(r"^(\s*):(?=:[A-Za-z])")


class Ready(str):
    """A line that was made for this terminal."""


View = Callable[[Any], Iterable[Block]]


class _Margin(click.ParamType):
    name = "margin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if str(value).strip().endswith("%") else click.FLOAT.convert(value, param, ctx)


margin_option = click.option(
    "--margin",
    metavar="DROP",
    type=_Margin(),
    help='The largest drop that still counts as no worse: a number, or for measures such as "5%".',
)
"""Add --margin, which the command gets as a number, or as a text in per cent."""


def shows(view: View | str, told: str = "Write JSON.") -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Add --json to a command, whose result is emitted; the command exits with the result's `exit_code`, if it has one.

    Args:
        view: or the place of it, "module:function", for one that is imported when it is needed.
        told: the help of --json.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help=told)
        @functools.wraps(command)
        def call(as_json: bool, **given: Any) -> None:
            result = command(**given)
            emit(result, view, as_json)
            if code := getattr(result, "exit_code", 0):
                sys.exit(code)

        return call

    return decorate


def emit(result: Any, view: View | str, as_json: bool = False, *, err: bool = False) -> None:
    """Write a result to the standard output (`err`: error), that of an iterator line by line."""
    if as_json:
        indent = None if isinstance(result, Iterator) else 2
        for each in result if isinstance(result, Iterator) else [result]:
            click.echo(json.dumps(_document(each), indent=indent, allow_nan=False))
        return
    shown = pkgutil.resolve_name(view) if isinstance(view, str) else view
    for line in folded(shown(result), shutil.get_terminal_size().columns, sys.stdout.encoding or "utf-8"):
        click.echo(line, err=err)


def say(*blocks: Block, err: bool = False) -> None:
    """Write what is no result: of a command that does something, or beside one."""
    emit(blocks, iter, err=err)


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
        for sign, plain in ASCII_SIGNS.items():
            text = text.replace(sign, plain)
    return printable(text, encoding=encoding)


def _document(result: Any) -> Any:
    from harness.records.report_json import plain

    return plain(result.as_json() if hasattr(result, "as_json") else result)
