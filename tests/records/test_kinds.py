"""What a metric is, in words, and which figures can stand side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records.kinds import Kind, kind_and_direction, kind_in_words, same_kind

SECONDS = Kind(unit="s", higher_is_better=False)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Kind(), "a score in [0, 1], higher being better"),
        (SECONDS, "in s, lower being better"),
        (replace(SECONDS, at_least=0, at_most=30), "in s from 0 to 30, lower being better"),
        (replace(SECONDS, statistic="p95"), "in s, weighed by p95, lower being better"),
    ],
)
def test_a_kind_and_its_direction_in_words(metric: Kind, words: str) -> None:
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
def test_figures_of_one_kind_agree_in_all_of_it(other: Kind) -> None:
    assert same_kind(SECONDS, replace(SECONDS))
    assert not same_kind(SECONDS, other)


def test_a_measure_with_neither_range_nor_quantile_is_weighed_by_the_median() -> None:
    assert SECONDS.weighed_by == "median"
    assert Kind().weighed_by == "mean"
    assert replace(SECONDS, at_least=0, at_most=30).weighed_by == "mean"
    assert replace(SECONDS, statistic="p95").weighed_by == "p95"
