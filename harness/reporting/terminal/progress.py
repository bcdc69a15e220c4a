"""Live progress while samples are drawn: a line that overwrites itself on a terminal, one now and then in a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.text import cells, printable

_FIRST_S = 0.5
_EVERY_S = 0.1
_LOG_FIRST_S = 5.0
_LOG_EVERY_S = 15.0
_WINDOW_S = 30.0
_STALLED_S = 15.0
_SOON_S = 8.0
_NARROW = 60


@dataclass(frozen=True, slots=True)
class ProgressState:
    """The progress of a run.

    Attributes:
        done: bodies that have ended, each with its sample.
        total: bodies that the run needs at most.
        stored: how many of the done ones the store answered, in no time.
        under_way: bodies that have begun and not ended. They wait for a model; of those that have not begun, the store
            may answer any number, and a decision may make others needless.
        in_flight: requests that are sent and not answered yet.
        evaluations_done, evaluations_total: how many have their verdict.
        elapsed_s: seconds since the run began.
        phase: what is going on instead of sampling, such as "starting vllm (smollm2)"; "" while sampling.
        budget: how much of what the run may spend is left, such as "38% of --max-tokens left"; "" without limits.
        trouble: why requests are sent again, such as "no connection, repeating 3 requests"; "" while all goes well.
    """

    done: int
    total: int
    stored: int = 0
    under_way: int = 0
    in_flight: int = 0
    evaluations_done: int = 0
    evaluations_total: int = 0
    elapsed_s: float = 0.0
    phase: str = ""
    trouble: str = ""
    budget: str = ""


class ProgressLine:
    """Writes progress to a stream. A stream that can't be written to silences it; it never stops a run.

    Call `update` as often as you like, `clear` before anything else is written to the same terminal, `close` at last.
    """

    def __init__(
        self, stream: TextIO, is_terminal: bool, width: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._is_terminal = is_terminal
        self._width = width
        self._clock = clock
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._next_s = clock() + (_FIRST_S if is_terminal else _LOG_FIRST_S)
        self._rate = _Rate()
        self._shown_cells = 0
        self._silent = False

    def update(self, state: ProgressState) -> None:
        """Take note of a state, and show it when it is time to."""
        now = self._clock()
        self._rate.observe(now, state)
        if self._silent or now < self._next_s:
            return
        self._next_s = now + (_EVERY_S if self._is_terminal else _LOG_EVERY_S)
        pieces = _pieces(state, self._rate, now, short=self._is_terminal and self._width < _NARROW)
        if self._is_terminal:
            line = _fit(pieces, self._width - 1, self._encoding)
            blank = " " * max(0, self._shown_cells - cells(line))
            self._write(f"\r{line}{blank}")
            self._shown_cells = cells(line)
        else:
            self._write(printable("steelyard  " + "   ".join(pieces), encoding=self._encoding) + "\n")

    def clear(self) -> None:
        """Erase the line on a terminal; the next update writes it again."""
        if self._shown_cells:
            self._write("\r" + " " * self._shown_cells + "\r")
            self._shown_cells = 0

    def close(self) -> None:
        """Erase the line and write nothing more."""
        self.clear()
        self._silent = True

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._silent = True
            self._shown_cells = 0


class _Rate:
    """Samples a second over the last half minute, without the time before the first one (an engine that starts)."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()
        self._changed_s: float | None = None

    def observe(self, now: float, state: ProgressState) -> None:
        drawn = state.done - state.stored
        points = self._points
        if not points or drawn < points[-1][1] or (drawn == points[0][1] and len(points) == 1):
            points.clear()
            points.append((now, drawn))
            self._changed_s = None if not drawn else self._changed_s
            return
        if drawn != points[-1][1]:
            self._changed_s = now
        if len(points) > 1 and now - points[-2][0] < _EVERY_S:
            points.pop()
        points.append((now, drawn))
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
        """Seconds since the last sample arrived; 0 before the first."""
        return 0.0 if self._changed_s is None else now - self._changed_s


def _pieces(state: ProgressState, rate: _Rate, now: float, *, short: bool) -> list[str]:
    """List what to say, the most important first."""
    share = f" ({100 * state.done // state.total}%)" if state.total else ""
    sampled = f"{count(state.done)} of {count(state.total)} samples{share}"
    if short:
        sampled = f"{count(state.done)}/{count(state.total)}{share}"
    decided = f"{count(state.evaluations_done)} of {count(state.evaluations_total)} decided"
    elapsed = duration(state.elapsed_s, whole=True)
    if state.phase:
        pieces = [f"{state.phase}, {elapsed}"]
        return [*pieces, sampled, decided] if state.done else pieces
    pieces = [sampled]
    per_second = rate.per_second
    idle_s = rate.idle_s(now)
    if state.trouble:
        pieces.append(state.trouble)
    elif idle_s >= _STALLED_S and state.done < state.total:
        what = "no answer" if state.in_flight else "no sample ended"
        pieces.append(f"{what} for {duration(idle_s, whole=True)}")
    elif per_second and state.done < state.total:
        left = state.total - state.done
        if left / per_second < min(idle_s, _SOON_S):
            pieces.append(f"waiting for the last {count(left)}")
        else:
            pieces += [time_left(left / per_second, at_most=left > state.under_way), _per_second(per_second)]
    if state.evaluations_total:
        pieces.append(decided)
    pieces += [state.budget] if state.budget else []
    pieces.append(elapsed)
    if state.stored:
        pieces.append(f"{count(state.stored)} from the store")
    if state.in_flight:
        pieces.append(f"{count(state.in_flight)} in flight")
    return pieces


def _per_second(rate: float) -> str:
    return f"{count(round(rate))}/s" if rate >= 10 else f"{rate:.1f}/s"


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


def _fit(pieces: list[str], width: int, encoding: str) -> str:
    """As many pieces as fit on the line; the first is cut where even it does not."""
    line = printable(pieces[0], max(1, width), encoding=encoding)
    for piece in pieces[1:]:
        longer = f"{line}  {printable(piece, encoding=encoding)}"
        if cells(longer) > width:
            break
        line = longer
    return line
