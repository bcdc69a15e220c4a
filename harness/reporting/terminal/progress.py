"""Live progress: a line that overwrites itself on a terminal, and comes now and then in a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TextIO

from harness.records import Verdict, VerdictKind
from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import cells, printable
from harness.stages.build_state import NOTE, BuildState

_FIRST_S, _EVERY_S = 0.5, 0.1
_LOG_FIRST_S, _LOG_EVERY_S = 5.0, 15.0
_WINDOW_S = 30.0
_STALLED_S = 15.0
_SOON_S = 8.0
_NARROW = 60
_PHASE = 28
"""Cells of a build's phase at most: one of several steps of a user's own is named by all of them."""
_TELLING = 0.02
"""The share of a build that tells how long the rest takes: what comes first also loads what all need."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What another writer has on the terminal's line: how many cells, and how it ends its line."""

    cells: Callable[[], int] = lambda: 0
    end: Callable[[], None] = lambda: None


class LiveLine:
    """Writes to a stream, as a context that leaves a terminal's line empty. A stream that can't be written to silences
    it; it never stops the work that it tells of.

    Call `clear` before anything else is written to the same terminal, `close` at last.

    Args:
        stream: usually the standard error.
        is_terminal: whether lines can be overwritten there.
        width: of the terminal.
        log_prefix: what a line in a log begins with.

    Attributes:
        is_shown: True once something was written: what is soon over shows no progress.
        beside: what stands where the line is to be shown. It keeps its place, and the line is shown below it.
    """

    beside = Beside()

    def __init__(
        self,
        stream: TextIO,
        is_terminal: bool,
        width: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        log_prefix: str = "steelyard  ",
    ) -> None:
        self._stream, self._is_terminal, self._width, self._clock = stream, is_terminal, width, clock
        self._prefix = "" if is_terminal else log_prefix
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._next_s = clock() + (_FIRST_S if is_terminal else _LOG_FIRST_S)
        self._shown_cells = self._beside_cells = 0
        self._silent = self.is_shown = False
        self._rate = Rate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    @property
    def is_due(self) -> bool:
        """True if it is time to write again."""
        return not self._silent and self._clock() >= self._next_s

    def write(self, pieces: Sequence[str]) -> None:
        """Write what there is to say, the most important first, when it is time to: on a terminal as much as fits."""
        if not self.is_due:
            return
        self.is_shown = True
        self._next_s = self._clock() + (_EVERY_S if self._is_terminal else _LOG_EVERY_S)
        if not self._is_terminal:
            self.say("   ".join(pieces))
            return
        line = printable(pieces[0], max(1, self._width - 1), encoding=self._encoding)
        for piece in pieces[1:]:
            longer = f"{line}  {printable(piece, encoding=self._encoding)}"
            if cells(longer) >= self._width:
                break
            line = longer
        if not self._shown_cells and (beside := self.beside.cells()):
            self._beside_cells = beside
            self._put("\n")
        self._put(f"\r{line}{' ' * (self._shown_cells - cells(line))}")
        self._shown_cells = cells(line)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if not self._silent:
            self.clear()
            self.beside.end()
            self._put(printable(self._prefix + text, encoding=self._encoding) + "\n")

    def clear(self) -> None:
        """Erase the line on a terminal; the next one is written again."""
        if self._shown_cells:
            back = f"\x1b[A\x1b[{self._beside_cells}C" if self._beside_cells else ""
            self._put("\r" + " " * self._shown_cells + "\r" + back)
            self._shown_cells = self._beside_cells = 0

    def close(self) -> None:
        """Erase the line and write nothing more."""
        self.clear()
        self._silent = True

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._silent, self._shown_cells = True, 0

    def _counted(self, done: int, total: int, unit: str) -> str:
        """Say how many of all are done."""
        is_short = self._is_terminal and self._width < _NARROW
        of = f"{count(done)}/{count(total)}" if is_short else f"{count(done)} of {count(total)} {unit}"
        return of + (f" ({100 * done // total}%)" if total else "")


@dataclass(frozen=True, slots=True)
class ProgressState:
    """The progress of a run.

    Attributes:
        done, total: bodies that have ended, and that the run needs at most.
        stored: how many of the done ones the store answered, in no time.
        under_way: bodies that have begun and not ended. They wait for a model; of those that have not begun, the store
            may answer any number, and a decision may make others needless.
        in_flight: requests that are sent and not answered yet.
        evaluations_done, evaluations_total: how many have their verdict.
        phase: what is going on instead of sampling, such as "starting vllm (smollm2)"; "" while sampling.
        trouble: why requests are sent again, such as "no connection, repeating 3 requests"; "" while all goes well.
        budget: how much of what the run may spend is left, such as "38% of max_tokens left"; "" without limits.
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


class ProgressLine(LiveLine):
    """Shows how far a run is."""

    def update(self, state: ProgressState) -> None:
        """Take note of a state, and show it when it is time to."""
        self._rate.observe(self._clock(), state.done - state.stored)
        if self.is_due:
            self.write(self._pieces(state))

    def show_verdict(self, verdict: Verdict) -> None:
        """Write the verdict of an evaluation, if nothing changes it any more."""
        if verdict.verdict in (VerdictKind.PASSED, VerdictKind.FAILED, VerdictKind.REGRESSED):
            name = display_names([verdict.id])[verdict.id]
            self.say(f"{name} {verdict.verdict}: {verdict.reason}")

    def _pieces(self, state: ProgressState) -> list[str]:
        sampled = self._counted(state.done, state.total, "samples")
        decided = f"{count(state.evaluations_done)} of {count(state.evaluations_total)} decided"
        elapsed = duration(state.elapsed_s, whole=True)
        if state.phase:
            return [f"{state.phase}, {elapsed}", *([sampled, decided] if state.done else [])]
        stored = f"{count(state.stored)} from the store" if state.stored else ""
        in_flight = f"{count(state.in_flight)} in flight" if state.in_flight else ""
        decided = decided if state.evaluations_total else ""
        return [*filter(None, (sampled, *self._pace(state), decided, state.budget, elapsed, stored, in_flight))]

    def _pace(self, state: ProgressState) -> list[str]:
        """Return how long it still takes and how fast it goes; or why that can't be told."""
        left, per_second, idle_s = state.total - state.done, self._rate.per_second, self._rate.idle_s(self._clock())
        if state.trouble:
            return [state.trouble]
        if left and idle_s >= _STALLED_S:
            return [f"no {'answer' if state.in_flight else 'sample ended'} for {duration(idle_s, whole=True)}"]
        if not left or not per_second:
            return []
        if left / per_second < min(idle_s, _SOON_S):
            return [f"waiting for the last {count(left)}"]
        return [time_left(left / per_second, at_most=left > state.under_way), f"{_figure(per_second)}/s"]


class BuildLine(LiveLine):
    """Shows how far builds are, one after the other.

    Attributes:
        notes: the last of each version that has one.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.notes: dict[str, str] = {}
        self._spans: dict[str, tuple[float, float]] = {}
        self._phase = ("", "")

    def show(self, state: BuildState) -> None:
        """Take note of a state, and show it when it is time to; what is to stay in sight at once."""
        if state.phase == NOTE:
            self.say(state.note)
            return
        now = self._clock()
        began_s, _ = self._spans.get(state.version, (now, now))
        self._spans[state.version] = began_s, now
        if self._phase != (state.version, state.phase):
            self._phase, self._rate = (state.version, state.phase), Rate()
        self._rate.observe(now, state.done)
        self.notes |= {state.version: state.note} if state.note else {}
        if self.is_due:
            phase = f"building {state.version}: {printable(state.phase, _PHASE, cut='middle')}"
            elapsed = duration(now - began_s, whole=True)
            self.write([*filter(None, (phase, *self._pace(state), state.note, elapsed))])

    def done(self) -> list[str]:
        """List the versions that were built, how long each took, and the last note of each, a line each."""
        spans = self._spans.items()
        notes = {name: f" ({note})" for name, note in self.notes.items()}
        return [f"built {name} in {duration(end_s - began_s)}{notes.get(name, '')}" for name, (began_s, end_s) in spans]

    def _pace(self, state: BuildState) -> list[str]:
        done = f"{count(state.done)} {state.unit}" if state.done else ""
        pieces = [self._counted(state.done, state.total, state.unit) if state.total else done]
        if per_second := self._rate.per_second:
            if state.total and state.done >= _TELLING * state.total:
                pieces.append(time_left((state.total - state.done) / per_second))
            pieces.append(f"{_figure(per_second)} {state.unit}/s")
        return pieces


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


def _figure(per_second: float) -> str:
    return count(round(per_second)) if per_second >= 10 else f"{per_second:.{1 if per_second >= 1 else 2}f}"


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
    if minutes >= 60:
        minutes = round(minutes / 10) * 10
    return f"{word} {duration(60 * minutes).removesuffix(' 0 min')} left"
