"""A bar that shows how far long work is."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import click


@contextlib.contextmanager
def progress(length: int, label: str) -> Iterator[Callable[[], None]]:
    """A bar on a terminal's standard error; gives what is to be called after each step."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
