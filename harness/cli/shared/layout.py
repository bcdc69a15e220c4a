"""Lays out what a command prints for the terminal that it has."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from harness.config.environment import colours_wanted

if TYPE_CHECKING:
    from harness.reporting.terminal.report import Layout


def terminal_layout(verbosity: int = 0) -> Layout:
    """The layout of standard output: its width and encoding, colours where it is a terminal and they are wanted."""
    from harness.reporting.terminal.report import Layout

    return Layout(
        width=shutil.get_terminal_size().columns,
        colour=sys.stdout.isatty() and colours_wanted(),
        encoding=sys.stdout.encoding or "utf-8",
        verbosity=verbosity,
    )
