"""Progress on a terminal and in a log."""

from __future__ import annotations

import io

from harness.reporting.inference.progress import LoadLine
from harness.stages.inference.load.run import LoadProgress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminals_line_is_overwritten_and_left_empty() -> None:
    stream, clock = io.StringIO(), Clock()
    with LoadLine(stream, True, clock) as line:
        line.show(LoadProgress("measuring", 3.0, 12, 10, 1, 300))
        clock.now = 1.0
        line.say("short")
    first, second, blank = stream.getvalue().split("\r")[1:4]
    assert first == "measuring  12 of 300 begun  10 answered  1 errors  3 s"
    assert second.rstrip() == "short"
    assert len(second) == len(first)
    assert blank.strip() == ""


def test_a_log_gets_a_line_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    with LoadLine(stream, False, clock) as line:
        for second in range(40):
            clock.now = float(second)
            line.show(LoadProgress("measuring", float(second), second, second))
    assert stream.getvalue().splitlines() == [
        "steelyard load  measuring  15 begun  15 answered  15 s",
        "steelyard load  measuring  30 begun  30 answered  30 s",
    ]


def test_a_stream_that_is_closed_stops_nothing() -> None:
    stream = io.StringIO()
    line = LoadLine(stream, True)
    stream.close()
    line.say("nobody reads this")
