"""The console: --store and --json, and the result of a command as JSON, or as text that can't harm the terminal."""

from __future__ import annotations

import functools
import json
import math
import pkgutil
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click

from harness.errors import StoreError
from harness.reporting.shared.grid import folded
from harness.reporting.shared.text import Block

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.reporting.terminal.progress import BuildLine
    from harness.store import Store

View = Callable[[Any], Iterable[Block]]
Mode = Literal["read", "write", "make"]
"""How a store is opened: "write" only where there is one, for a mistyped place shall make no empty store."""


class Number(click.FloatRange):
    """A number, of a range or any; not nan and not infinite, which click takes for numbers of every range."""

    name = "float range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises BadParameter: it is no finite number, or out of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number

    def _describe_range(self) -> str:
        return "" if self.min is None and self.max is None else super()._describe_range()


place_option = click.option(
    "--store",
    "place",
    metavar="URL",
    help="A path, sqlite:///PATH or postgresql://USER@HOST/DATABASE, for the one of the settings.",
)
"""Add --store, which the command gets as `place`."""
run_argument = click.argument("run_name", metavar="[RUN]", default="latest")


def with_store(mode: Mode = "read") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --store; the command gets the open store as its first argument."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @place_option
        @functools.wraps(command)
        def call(place: str | None, **options: Any) -> Any:
            from harness.store.location import settings_with_store

            with open_store(settings_with_store(place), mode) as store:
                return command(store, **options)

        return call

    return decorate


def open_store(settings: Settings, mode: Mode = "read") -> Store:
    """Open the store that the settings name. Raises StoreError: there is none to read, or to write to."""
    from harness.store import Store, store_url

    url = store_url(settings)
    try:
        reader = Store.open(url, readonly=True)
    except StoreError:
        if mode != "make":
            raise
        made = Store.open(url)
        click.echo(f"Made a new store: {made.url}", err=True)
        return made
    if mode == "read":
        return reader
    reader.close()
    return Store.open(url)


def shows(view: View | str, help_text: str = "Write JSON.") -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Add --json to a command, whose result is emitted; the command exits with the result's `exit_code`, if it has one.

    Args:
        view: or the place of it, "module:function", for one that is imported when it is needed.
        help_text: of --json.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help=help_text)
        @functools.wraps(command)
        def call(*opened: Store, as_json: bool, **options: Any) -> None:
            result = command(*opened, **options)
            emit(result, view, as_json)
            if code := getattr(result, "exit_code", 0):
                sys.exit(code)

        return call

    return decorate


@contextmanager
def build_line() -> Iterator[BuildLine]:
    """Show how far builds are on the standard error, and what Ctrl-C leaves.

    Raises:
        ClickException: it was interrupted.
    """
    from harness.reporting.terminal.progress import BuildLine

    try:
        with BuildLine(sys.stderr, sys.stderr.isatty(), shutil.get_terminal_size().columns) as line:
            yield line
    except KeyboardInterrupt:
        error = click.ClickException("Interrupted. What is saved of builds and answers is kept: run again to go on.")
        error.exit_code = 2  # as pytest's
        raise error from None


def emit(result: Any, view: View | str, as_json: bool = False, *, err: bool = False) -> None:
    """Write a result to the standard output (`err`: error), that of an iterator line by line."""
    if as_json:
        from harness.records.report_json import plain

        is_stream = isinstance(result, Iterator)
        for each in result if is_stream else [result]:
            document = plain(each.as_json() if hasattr(each, "as_json") else each)
            click.echo(json.dumps(document, indent=None if is_stream else 2, allow_nan=False))
        return
    blocks = (pkgutil.resolve_name(view) if isinstance(view, str) else view)(result)
    for line in folded(blocks, shutil.get_terminal_size().columns, sys.stdout.encoding or "utf-8"):
        click.echo(line, err=err)


def say(*blocks: Block, err: bool = False) -> None:
    """Write what is no result: of a command that does something, or beside one."""
    emit(blocks, iter, err=err)
