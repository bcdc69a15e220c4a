"""Errors by their text and step: counted, ranked, and only as far as the steps that count."""

from __future__ import annotations

import pytest

from harness.errors import EngineError, MissingSampleError, StoreError, UnreachableError, UnstorableError
from harness.gate.tally import Tally


def lines(tally: Tally, end: int = 100) -> tuple[str, ...]:
    return tally.lines(end, lambda step: f"c{step}")


@pytest.mark.parametrize("n", [3, 5, 6, 8])
def test_many_different_errors_are_counted_and_not_all_shown(n: int) -> None:
    tally = Tally()
    for i in range(n):
        tally.note(f"broken {i}")
    assert len(lines(tally)) == min(n, 6)
    assert (lines(tally)[-1] == "and 3 more errors") is (n == 8)


def test_the_most_frequent_error_comes_first_with_its_first_case() -> None:
    tally = Tally()
    for step, text in ((7, "often"), (2, "once"), (4, "often")):
        tally.add(step, EngineError(text))
    assert lines(tally) == ("case 'c4': often (2 bodies ended so)", "case 'c2': once")


def test_what_came_at_a_later_step_does_not_count() -> None:
    tally = Tally()
    tally.add(3, EngineError("early"))
    tally.add(9, EngineError("late"))
    tally.add(9, MissingSampleError("late"))
    assert lines(tally, 9) == ("case 'c3': early",)
    assert len(lines(tally, 10)) == 3


def test_missing_samples_are_counted_together() -> None:
    tally = Tally()
    for step in (1, 1, 2):
        tally.add(step, MissingSampleError("gone"))
    assert lines(tally) == ("3 samples are not in the store; run without --offline to draw them",)


@pytest.mark.parametrize(
    ("error", "is_hopeless"),
    [
        (EngineError("500"), False),
        (UnstorableError("too large"), False),
        (UnreachableError("gone"), True),
        (StoreError("disk full"), True),
        (OSError("bug"), True),
    ],
)
def test_an_engine_s_error_leaves_hope_for_other_cases(error: Exception, is_hopeless: bool) -> None:
    tally = Tally()
    tally.add(0, error)
    assert tally.is_hopeless is is_hopeless
