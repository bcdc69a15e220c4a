"""Errors by what they have in common and step: counted, ranked, and only as far as the steps that count."""

from __future__ import annotations

import pytest

from harness.errors import EngineError, MissingSampleError, ScoreError, StoreError, UnreachableError, UnstorableError
from harness.gate.sampling.body_errors import BodyErrors


def lines(tally: BodyErrors, end: int = 100) -> tuple[str, ...]:
    return tally.lines(end, lambda step: f"c{step}")


@pytest.mark.parametrize("n", [3, 5, 6, 8])
def test_many_different_errors_are_counted_and_not_all_shown(n: int) -> None:
    tally = BodyErrors()
    for i in range(n):
        tally.note(f"broken {i}")
    assert len(lines(tally)) == min(n, 5)
    assert (lines(tally)[-1] == "4 others ended in 4 other ways, such as broken 4") is (n == 8)


def _parse(text: str) -> int:
    return int(text)


def test_errors_of_one_line_are_one_message_whatever_they_say() -> None:
    tally = BodyErrors()
    for step in range(150):
        with pytest.raises(ValueError, match="invalid literal") as failed:
            _parse(f"answer {149 - step}")
        tally.add(149 - step, failed.value)
    with pytest.raises(KeyError) as other:
        {}["a"]
    tally.add(3, other.value)
    first, second = lines(tally, 150)
    assert first.startswith(
        "case 'c0': ValueError: invalid literal for int() with base 10: 'answer 0' (test_body_errors.py:"
    )
    assert first.endswith(
        "return int(text)) (150 bodies ended so, the texts differ; also in 'c1', 'c2', 'c3' and 146 more)"
    )
    assert second.startswith("case 'c3': KeyError: 'a' (test_body_errors.py:")
    assert "(2 bodies ended so, the texts differ; also in 'c1')" in lines(tally, 2)[0]
    assert "ended so" not in lines(tally, 1)[0]


def test_messages_of_ours_that_differ_in_values_alone_are_one() -> None:
    tally = BodyErrors()
    for step, said in enumerate(("gave 3 of 'x'", "gave 12 of 'it'", "gave nothing")):
        tally.add(step, ScoreError(said))
    assert lines(tally) == (
        "case 'c0': gave 3 of 'x' (2 bodies ended so, the texts differ; also in 'c1')",
        "case 'c2': gave nothing",
    )


def test_errors_of_one_cause_are_one_message() -> None:
    tally = BodyErrors()
    tally.add(0, EngineError("the request is given up after 3 attempts: HTTP 500", "v: HTTP 500"))
    tally.add(1, UnreachableError("the endpoint is given up: HTTP 500", "v: HTTP 500"))
    tally.add(2, UnreachableError("the endpoint is given up: HTTP 502", "w: HTTP 502"))
    assert lines(tally) == (
        "case 'c0': the request is given up after 3 attempts: HTTP 500 "
        "(2 bodies ended so, the texts differ; also in 'c1')",
        "case 'c2': the endpoint is given up: HTTP 502",
    )


def test_the_most_frequent_error_comes_first_with_its_first_case() -> None:
    tally = BodyErrors()
    for step, text in ((7, "often"), (2, "once"), (4, "often")):
        tally.add(step, EngineError(text))
    assert lines(tally) == ("case 'c4': often (2 bodies ended so; also in 'c7')", "case 'c2': once")


def test_a_traceback_stays_below_the_count() -> None:
    tally = BodyErrors()
    for step in (1, 2):
        tally.add(step, EngineError('no\nTraceback (most recent call last):\n  File "bot.py", line 3'))
    assert lines(tally)[0].splitlines()[:2] == [
        "case 'c1': no (2 bodies ended so; also in 'c2')",
        "Traceback (most recent call last):",
    ]


def test_what_came_at_a_later_step_does_not_count() -> None:
    tally = BodyErrors()
    tally.add(3, EngineError("early"))
    tally.add(9, EngineError("late"))
    tally.add(9, MissingSampleError("late"))
    assert lines(tally, 9) == ("case 'c3': early",)
    assert len(lines(tally, 10)) == 3


def test_missing_samples_are_counted_together() -> None:
    tally = BodyErrors()
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
    tally = BodyErrors()
    tally.add(0, error)
    assert tally.is_hopeless is is_hopeless


def test_errors_after_the_decision_are_told_unless_others_decide() -> None:
    tally = BodyErrors()
    assert tally.late(9, lambda step: f"c{step}") == ""
    for step in (9, 9, 12):
        tally.add(step, EngineError("no answer"))
    told = tally.late(9, lambda step: f"c{step}")
    assert told == "2 cases ended in an error: case 'c9': no answer (3 bodies ended so; also in 'c12')"
    assert tally.late(10, lambda step: f"c{step}") == ""
