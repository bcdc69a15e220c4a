"""Progress of a load: a line that overwrites itself on a terminal, one now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.live_line import LiveLine, Pace
from harness.stages.inference.load.run import LoadProgress

_WIDTH = 80
_PACE = Pace(first_s=0.0, every_s=0.2, log_first_s=15.0)


class LoadLine:
    """Writes what is going on to a stream, as a context that leaves a terminal's line empty.

    Args:
        stream: usually the standard error.
        is_terminal: whether lines can be overwritten there.
    """

    def __init__(self, stream: TextIO, is_terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = LiveLine(stream, is_terminal, _WIDTH, pace=_PACE, log_prefix="steelyard load  ", clock=clock)

    def __enter__(self) -> LoadLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()

    def show(self, state: LoadProgress) -> None:
        """Say how far a load is."""
        of = "" if state.planned is None else f" of {count(state.planned)}"
        pieces = [state.phase, f"{count(state.sent)}{of} begun", f"{count(state.completed)} answered"]
        if state.failed:
            pieces.append(f"{count(state.failed)} errors")
        if state.elapsed_s:
            pieces.append(duration(state.elapsed_s, whole=True))
        self.say("  ".join(pieces))

    def say(self, text: str) -> None:
        """Say what is going on, when it is time to."""
        if self._line.is_due:
            self._line.write([text])
