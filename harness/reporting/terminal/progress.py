"""Live progress while samples are drawn: a line that overwrites itself on a terminal, one now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from harness.records import Verdict, VerdictKind
from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.live_line import LiveLine, Rate, time_left
from harness.reporting.shared.names import display_names

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
        budget: how much of what the run may spend is left, such as "38% of max_tokens left"; "" without limits.
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
        self._line = LiveLine(stream, is_terminal, width, clock=clock)
        self._rate = Rate()
        self.is_shown = False
        """True once something was written: a run that is soon over shows no progress."""
        self.clear, self.close = self._line.clear, self._line.close

    def update(self, state: ProgressState) -> None:
        """Take note of a state, and show it when it is time to."""
        now = self._line.clock()
        self._rate.observe(now, state.done - state.stored)
        if self._line.is_due:
            short = self._line.is_terminal and self._line.width < _NARROW
            self._line.write(_pieces(state, self._rate, now, short=short))
            self.is_shown = True

    def tell(self, verdict: Verdict) -> None:
        """Say what an evaluation came to, if it is settled."""
        if verdict.verdict in (VerdictKind.PASSED, VerdictKind.FAILED, VerdictKind.REGRESSED):
            name = display_names([verdict.id])[verdict.id]
            self._line.say(f"{name} {verdict.verdict}: {verdict.reason}")


def _pieces(state: ProgressState, rate: Rate, now: float, *, short: bool) -> list[str]:
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
