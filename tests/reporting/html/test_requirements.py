"""Requirements and the evaluations that stand for them."""

from __future__ import annotations

import pytest

from harness.records import VerdictKind
from harness.reporting.html.requirements import kind_and_text, requirements
from tests.decisions.observations import replace
from tests.reporting.example_reports import inconclusive, passed, regressed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Names capitals", ("business", "Names capitals")),
        ("business: names capitals", ("business", "names capitals")),
        ("non-functional: answers in 0.3 s", ("non-functional", "answers in 0.3 s")),
        ("Non functional : answers in 0.3 s", ("non-functional", "answers in 0.3 s")),
        ("NONFUNCTIONAL:answers", ("non-functional", "answers")),
        ("non-functional answers", ("business", "non-functional answers")),
        ("non-functional:", ("non-functional", None)),
        ("", ("business", None)),
        (None, ("business", None)),
    ],
)
def test_the_beginning_tells_the_kind(text: str | None, expected: tuple[str, str | None]) -> None:
    assert kind_and_text(text) == expected


def test_evaluations_of_one_requirement_stand_together_with_the_worst_verdict() -> None:
    verdicts = [
        replace(passed(1)[0], requirement="non-functional: fast"),
        replace(inconclusive(), requirement="right"),
        passed(1)[0],
        replace(regressed(), requirement="business: right"),
    ]
    assert [tuple(each.values()) for each in requirements(verdicts)] == [
        ("business", "right", VerdictKind.REGRESSED, [1, 3]),
        ("non-functional", "fast", VerdictKind.PASSED, [0]),
        ("business", None, VerdictKind.PASSED, [2]),
    ]
