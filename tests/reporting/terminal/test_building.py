"""The line that shows how far a build is."""

from __future__ import annotations

import pytest

from harness.reporting.shared.text import cells
from harness.reporting.terminal.progress import BuildLine
from harness.stages.build_state import NOTE, BuildState
from tests.reporting.terminal.test_progress import Stream


class Build:
    """A build under a clock of its own, written to a stream in memory."""

    def __init__(self, *, is_terminal: bool, width: int = 100) -> None:
        self.now = 1000.0
        self.stream = Stream()
        self.line = BuildLine(self.stream, is_terminal, width, lambda: self.now)

    def at(self, second: float, phase: str = "minhash", done: int = 0, **state: object) -> str:
        self.now = 1000.0 + second
        self.line.show(BuildState("clean", phase, done, **{"total": 5000, **state}))  # type: ignore[arg-type]
        written: str = self.stream.take()
        return written


def test_a_terminal_shows_step_documents_time_left_and_rate() -> None:
    build = Build(is_terminal=True)
    written = [build.at(second, done=100 * second) for second in range(11)]
    said = "building clean: minhash  1,000 of 5,000 documents (20%)  about 40 s left  100 documents/s  10 s"
    assert written[-1].strip() == said
    assert not any("\n" in text for text in written)


def test_what_is_not_known_is_not_said() -> None:
    build = Build(is_terminal=True)
    assert build.at(0, "reading", total=None) == ""
    assert build.at(1, "reading", total=None).strip() == "building clean: reading  1 s"
    assert "  300 documents  " in build.at(2, "reading", done=300, total=None)


def test_each_step_has_a_rate_of_its_own() -> None:
    build = Build(is_terminal=True)
    for second in range(5):
        build.at(second, "c4", done=1000 * second)
    assert "documents/s" not in build.at(5, "pii", done=4000)
    assert "10 documents/s" in build.at(15, "pii", done=4100)


def test_the_loss_of_a_training_has_its_place() -> None:
    build = Build(is_terminal=True)
    build.at(0, "training", unit="steps", total=400)
    shown = build.at(10, "training", done=20, unit="steps", total=400, note="loss 2.31")
    assert (
        shown.strip()
        == "building clean: training  20 of 400 steps (5%)  about 3 min left  2.0 steps/s  loss 2.31  10 s"
    )


def test_the_first_few_say_nothing_of_the_time_that_is_left() -> None:
    build = Build(is_terminal=True)
    build.at(0, done=0)
    assert "left" not in build.at(20, done=50)
    assert "left" in build.at(40, done=100)


@pytest.mark.parametrize(
    ("is_terminal", "before", "written"), [(True, "\r{}\r", "Cut.\n"), (False, "", "steelyard  Cut.\n")]
)
def test_a_note_stays(is_terminal: bool, before: str, written: str) -> None:
    build = Build(is_terminal=is_terminal)
    shown = build.at(1, done=10)
    assert build.at(1, NOTE, note="Cut.") == before.format(" " * cells(shown.strip("\r"))) + written
    assert build.line.done() == ["built clean in 0.0 s"]
