"""What is wrong with what a metric is said to be."""

from __future__ import annotations

import pytest

from harness.gate.evaluations.kinds import misfits, two_kinds
from harness.scoring.results import Reading

SCORE = Reading(1.0)
SECONDS = Reading(1.0, unit="s", at_least=0.0, at_most=30.0)


def test_two_kinds_are_told_apart_by_their_unit_and_else_by_their_direction() -> None:
    assert two_kinds("t", SCORE, Reading(1.0, unit="s")) == (
        "metric 't' is sometimes a score in [0, 1], sometimes in s"
    )
    turned = Reading(1.0, unit="s", higher_is_better=False)
    assert two_kinds("t", Reading(1.0, unit="s", higher_is_better=True), turned) == (
        "metric 't' is sometimes in s, higher being better, sometimes in s, lower being better"
    )


@pytest.mark.parametrize(
    ("kind", "threshold", "margin", "found"),
    [
        (SCORE, 0.9, 0.05, []),
        (SCORE, None, 0.05, []),
        (SCORE, 1.5, 0.05, ["threshold 1.5 is outside [0, 1], and 't' is a score in [0, 1]"]),
        (SCORE, 0.9, 1.0, ["margin 1 lets everything pass, and 't' is a score in [0, 1]"]),
        (SECONDS, 30.0, 5.0, []),
        (SECONDS, 31.0, 5.0, ["threshold 31 is outside [0, 30], and 't' is in s from 0 to 30"]),
        (SECONDS, -1.0, 30.0, ["threshold -1 is outside", "margin 30 lets everything pass"]),
        (Reading(1.0, unit="s"), 99.0, 99.0, []),
    ],
)
def test_threshold_and_margin_lie_within_the_range(
    kind: Reading, threshold: float | None, margin: float, found: list[str]
) -> None:
    said = misfits("t", kind, threshold, margin)
    assert [line.startswith(beginning) for line, beginning in zip(said, found, strict=True)] == [True] * len(found)
