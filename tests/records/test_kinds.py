"""What a metric is, in words, and which figures can stand side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from harness.records.kinds import kind_and_direction, kind_in_words, same_kind, weighed_by


@dataclass(frozen=True)
class Metric:
    unit: str | None = None
    higher_is_better: bool = True
    at_least: float | None = None
    at_most: float | None = None
    statistic: str | None = None


SECONDS = Metric("s", False)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Metric(), "a score in [0, 1], higher being better"),
        (SECONDS, "in s, lower being better"),
        (replace(SECONDS, at_least=0, at_most=30), "in s from 0 to 30, lower being better"),
        (replace(SECONDS, statistic="p95"), "in s, weighed by p95, lower being better"),
    ],
)
def test_a_kind_and_its_direction_in_words(metric: Metric, words: str) -> None:
    assert kind_and_direction(metric) == words
    assert words.startswith(kind_in_words(metric))


@pytest.mark.parametrize(
    "other",
    [
        replace(SECONDS, unit="ms"),
        replace(SECONDS, higher_is_better=True),
        replace(SECONDS, at_least=0, at_most=30),
        replace(SECONDS, statistic="p95"),
    ],
)
def test_figures_of_one_kind_agree_in_all_of_it(other: Metric) -> None:
    assert same_kind(SECONDS, replace(SECONDS))
    assert not same_kind(SECONDS, other)


def test_a_measure_with_neither_range_nor_quantile_is_weighed_by_the_median() -> None:
    assert weighed_by(SECONDS) == "median"
    assert weighed_by(Metric()) == "mean"
    assert weighed_by(replace(SECONDS, at_least=0, at_most=30)) == "mean"
    assert weighed_by(replace(SECONDS, statistic="p95")) == "p95"
