"""Progress of a load: a line that overwrites itself on a terminal, one now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.text import cells, printable
from harness.stages.inference.load.run import LoadProgress

_WIDTH = 79
_TERMINAL_S = 0.2
_LOG_S = 15.0


class LoadLine:
    """Writes what is going on to a stream, as a context that leaves a terminal's line empty.

    Args:
        stream: usually the standard error.
        is_terminal: whether lines can be overwritten there.
    """

    def __init__(self, stream: TextIO, is_terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._is_terminal = is_terminal
        self._clock = clock
        self._next_s = clock() + (0.0 if is_terminal else _LOG_S)
        self._shown = 0

    def __enter__(self) -> LoadLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

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
        now = self._clock()
        if now < self._next_s:
            return
        self._next_s = now + (_TERMINAL_S if self._is_terminal else _LOG_S)
        line = printable(text, _WIDTH, encoding=getattr(self._stream, "encoding", None) or "utf-8")
        if self._is_terminal:
            self._write("\r" + line + " " * max(0, self._shown - cells(line)))
            self._shown = cells(line)
        else:
            self._write(f"steelyard load  {line}\n")

    def _clear(self) -> None:
        if self._shown:
            self._write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def _write(self, text: str) -> None:
        """A stream that can't be written to never stops a load."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._shown = 0
