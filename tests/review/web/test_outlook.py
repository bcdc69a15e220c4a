"""Endings as reviewers are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.records.review import Batch
from harness.review.web.reviewing import endings
from tests.review.web import contents


def batch(name: str, closed: float | None = None, reason: str | None = None, run: str | None = "r1") -> Batch:
    return Batch(name, 1.0, f"suites/{name}", contents.SCALE, run_id=run, closed=closed, closed_reason=reason)


def test_the_gate_that_was_decided_last_is_told() -> None:
    old = batch("a", 1.0, "decided: failed", run="r0")
    by_hand = batch("b", 9.0, "closed by zoe")
    new = [batch("c", 2.0, "decided: passed"), batch("d", 3.0, "decided: regressed")]
    assert endings([old, by_hand, *new]) == [(new[0], "decided: passed"), (new[1], "decided: regressed")]
    assert endings([by_hand, batch("e")]) == []


@pytest.mark.parametrize(
    ("closed", "reason", "source", "is_told"),
    [
        (9.0, "closed by hand", {"key": "k"}, False),
        (None, None, {"key": "k"}, False),
        (9.0, "superseded by run r3", {"key": "k"}, True),
        (9.0, "closed by hand", {"question": {}}, True),
    ],
)
def test_an_evaluation_that_a_later_gate_left_open_is_not_told_as_decided(
    closed: float | None, reason: str | None, source: Mapping[str, object], is_told: bool
) -> None:
    """But for answers that came back since, and beside what somebody added by hand."""
    later = replace(batch("c", closed, reason, run="r2"), id="d", created=2.0, source=source)
    assert bool(endings([batch("c", 2.0, "decided: failed"), later])) == is_told


def test_an_evaluation_whose_earlier_answers_came_back_is_not_told_as_decided() -> None:
    """The batch that is open again is older than the one that was decided meanwhile."""
    back = replace(batch("c", run="r3"), id="d", created=0.0, source={"key": "k"})
    assert endings([back, replace(batch("c", 2.0, "decided: failed", run="r2"), created=1.0)]) == []


def test_no_verdict_is_told_while_people_review_on() -> None:
    decided = batch("c", 2.0, "decided: regressed")
    assert endings([decided, batch("d")]) == [(decided, "decided")]
