"""A line that overwrites itself on a terminal and comes now and then in a log, with the rate of what it counts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from harness.reporting.shared.text import cells, printable

_EVERY_S = 0.1
_WINDOW_S = 30.0
_SOON_S = 8.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds until a line is written first, and between later ones: on a terminal, and in a log."""

    first_s: float = 0.5
    every_s: float = _EVERY_S
    log_first_s: float = 5.0
    log_every_s: float = 15.0


class LiveLine:
    """Writes to a stream. One that can't be written to silences it; it never stops the work that it tells of.

    Call `clear` before anything else is written to the same terminal, `close` at last.

    Args:
        stream: usually the standard error.
        is_terminal: whether lines can be overwritten there.
        width: of the terminal.
        log_prefix: what a line in a log begins with.
    """

    def __init__(
        self,
        stream: TextIO,
        is_terminal: bool,
        width: int,
        *,
        pace: Pace = Pace(),
        log_prefix: str = "steelyard  ",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self.is_terminal = is_terminal
        self.width = width
        self._pace = pace
        self._log_prefix = log_prefix
        self.clock = clock
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._next_s = clock() + (pace.first_s if is_terminal else pace.log_first_s)
        self._shown_cells = 0
        self._silent = False

    @property
    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return not self._silent and self.clock() >= self._next_s

    def write(self, pieces: Sequence[str]) -> None:
        """Write what there is to say, the most important first: on a terminal as many pieces as fit."""
        self._next_s = self.clock() + (self._pace.every_s if self.is_terminal else self._pace.log_every_s)
        if self.is_terminal:
            line = _fit(pieces, self.width - 1, self._encoding)
            blank = " " * max(0, self._shown_cells - cells(line))
            self._put(f"\r{line}{blank}")
            self._shown_cells = cells(line)
        else:
            self._put(printable(self._log_prefix + "   ".join(pieces), encoding=self._encoding) + "\n")

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if not self._silent:
            self.clear()
            prefix = "" if self.is_terminal else self._log_prefix
            self._put(printable(prefix + text, encoding=self._encoding) + "\n")

    def clear(self) -> None:
        """Erase the line on a terminal; the next one is written again."""
        if self._shown_cells:
            self._put("\r" + " " * self._shown_cells + "\r")
            self._shown_cells = 0

    def close(self) -> None:
        """Erase the line and write nothing more."""
        self.clear()
        self._silent = True

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._silent = True
            self._shown_cells = 0


class Rate:
    """Things done a second over the last half minute, without the time before the first one."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()
        self._changed_s: float | None = None

    def observe(self, now: float, n: int) -> None:
        """Note how many are done by now; where they are fewer than before, something new has begun."""
        points = self._points
        if not points or n < points[-1][1] or (n == points[0][1] and len(points) == 1):
            points.clear()
            points.append((now, n))
            self._changed_s = None if not n else self._changed_s
            return
        if n != points[-1][1]:
            self._changed_s = now
        if len(points) > 1 and now - points[-2][0] < _EVERY_S:
            points.pop()
        points.append((now, n))
        while len(points) > 2 and now - points[1][0] >= _WINDOW_S:
            points.popleft()

    @property
    def per_second(self) -> float | None:
        """None until a second's worth has been seen."""
        if len(self._points) < 2:
            return None
        (start_s, start), (end_s, end) = self._points[0], self._points[-1]
        return (end - start) / (end_s - start_s) if end_s - start_s >= 1.0 else None

    def idle_s(self, now: float) -> float:
        """Seconds since there was one more; 0 before the first."""
        return 0.0 if self._changed_s is None else now - self._changed_s


def time_left(seconds: float, *, at_most: bool = False) -> str:
    """An estimate, no more exact than it can be; `at_most` where it may turn out to be less.

    >>> [time_left(seconds) for seconds in (3, 47, 130, 6100)]
    ['a few seconds left', 'about 50 s left', 'about 2 min left', 'about 1 h 40 min left']
    >>> time_left(47, at_most=True)
    'at most 50 s left'
    """
    if seconds < _SOON_S:
        return "a few seconds left"
    word = "at most" if at_most else "about"
    if seconds < 90:
        return f"{word} {max(10, round(seconds / 10) * 10)} s left"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{word} {minutes} min left"
    minutes = round(minutes / 10) * 10
    hours, minutes = divmod(minutes, 60)
    return f"{word} {hours} h {minutes} min left" if minutes else f"{word} {hours} h left"


def _fit(pieces: Sequence[str], width: int, encoding: str) -> str:
    """As many pieces as fit on the line; the first is cut where even it does not."""
    line = printable(pieces[0], max(1, width), encoding=encoding)
    for piece in pieces[1:]:
        longer = f"{line}  {printable(piece, encoding=encoding)}"
        if cells(longer) > width:
            break
        line = longer
    return line
