"""Shows what is built before the first request of a session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.pytest_internals import terminal_of

if TYPE_CHECKING:
    from harness.stages.build_state import BuildProgress


@contextmanager
def shown_builds(config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> Iterator[BuildProgress]:
    """Gives what is told of each build: a line on the session's terminal while it goes on, and one when it is done."""
    from harness.reporting.terminal.progress import BuildLine
    from harness.stages.build_state import BuildState, unseen

    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.verbose < 0 or hasattr(config, "workerinput"):
        yield unseen
        return
    terminal = terminal_of(reporter)
    line = BuildLine(terminal.file, terminal.has_markup or terminal.file.isatty(), terminal.width, clock)

    def show(state: BuildState) -> None:
        with _uncaptured(config):
            line.show(state)

    reporter.ensure_newline()
    with line:
        yield show
    for text in line.done():
        reporter.write_line(f"steelyard: {text}")


def _uncaptured(config: pytest.Config) -> Any:
    capture = config.pluginmanager.get_plugin("capturemanager")
    return nullcontext() if capture is None else capture.global_and_fixture_disabled()
