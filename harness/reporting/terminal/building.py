"""Live progress while something is built: how far, how fast, how long still."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.live_line import LiveLine, Rate, time_left
from harness.reporting.shared.text import printable
from harness.stages.build_state import NOTE, BuildState

_NARROW = 60
_PHASE = 28
"""Cells of a phase at most: one of several steps of a user's own is named by all of them."""
_TELLING = 0.02
"""The share of the work that tells how long the rest takes: what comes first also loads what all need."""


class BuildLine:
    """Shows how far builds are, one after the other, as a context that leaves a terminal's line empty.

    Args:
        stream: usually the standard error.
        is_terminal: whether lines can be overwritten there.
        width: of the terminal.

    Attributes:
        notes: the last of each version that has one.
    """

    def __init__(
        self, stream: TextIO, is_terminal: bool, width: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._line = LiveLine(stream, is_terminal, width, clock=clock)
        self._rate = Rate()
        self._spans: dict[str, tuple[float, float]] = {}
        self.notes: dict[str, str] = {}
        self._phase = ("", "")

    def __enter__(self) -> BuildLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()

    def show(self, state: BuildState) -> None:
        """Take note of a state, and show it when it is time to; what is to stay in sight at once."""
        if state.phase == NOTE:
            self._line.say(state.note)
            return
        now = self._line.clock()
        began_s, _ = self._spans.get(state.version, (now, now))
        self._spans[state.version] = began_s, now
        if self._phase != (state.version, state.phase):
            self._phase, self._rate = (state.version, state.phase), Rate()
        self._rate.observe(now, state.done)
        if state.note:
            self.notes[state.version] = state.note
        if self._line.is_due:
            short = self._line.is_terminal and self._line.width < _NARROW
            self._line.write(_pieces(state, self._rate, now - began_s, short=short))

    def done(self) -> list[str]:
        """List the versions that were built, how long each took, and the last note of each, a line each."""
        spans = self._spans.items()
        notes = {name: f" ({note})" for name, note in self.notes.items()}
        return [f"built {name} in {duration(end_s - began_s)}{notes.get(name, '')}" for name, (began_s, end_s) in spans]


def _pieces(state: BuildState, rate: Rate, elapsed_s: float, *, short: bool) -> list[str]:
    """List what to say, the most important first."""
    pieces = [f"building {state.version}: {printable(state.phase, _PHASE, cut='middle')}"]
    if state.total:
        share = f" ({100 * state.done // state.total}%)"
        of = f"{count(state.done)}/{count(state.total)}" if short else f"{count(state.done)} of {count(state.total)}"
        pieces.append(of + ("" if short else f" {state.unit}") + share)
    elif state.done:
        pieces.append(f"{count(state.done)} {state.unit}")
    per_second = rate.per_second
    if per_second:
        shown = count(round(per_second)) if per_second >= 10 else f"{per_second:.{1 if per_second >= 1 else 2}f}"
        knows = state.total is not None and state.done >= _TELLING * state.total
        left = [time_left((state.total - state.done) / per_second)] if knows and state.total else []
        pieces += [*left, f"{shown} {state.unit}/s"]
    if state.note:
        pieces.append(state.note)
    return [*pieces, duration(elapsed_s, whole=True)]
