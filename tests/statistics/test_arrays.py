"""Input of every function: what is taken, and what is refused with what to write instead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harness.statistics.arrays import (
    as_floats,
    as_scores,
    case_means,
    check_confidence,
    group_indices,
    is_binary,
    is_bounded,
)


def test_what_is_masked_or_none_is_missing() -> None:
    masked = np.ma.MaskedArray([1, 2], mask=[False, True])
    assert np.array_equal(as_floats(masked, "x"), [1, math.nan], equal_nan=True)
    assert np.array_equal(as_floats([1, None], "x"), [1, math.nan], equal_nan=True)


@pytest.mark.parametrize("values", [["a"], [1j], [[1], [1, 2]], [{}]])
def test_what_is_no_array_of_numbers_is_refused_by_name(values: Any) -> None:
    with pytest.raises(ValueError, match="scores is no array of numbers"):
        as_floats(values, "scores")


def test_95_is_told_to_be_written_as_a_share() -> None:
    assert check_confidence(0.95) == 0.95
    for value in (95, 0, 1):
        with pytest.raises(ValueError, match=r"write 0\.95 for 95 %"):
            check_confidence(value)


def test_a_flat_sequence_is_one_sample_for_each_case() -> None:
    assert as_scores([1, 0, 1]).shape == (3, 1)
    for values, words in (([], "empty"), ([[[1.0]]], "3 dimensions"), ([math.inf], "infinite")):
        with pytest.raises(ValueError, match=words):
            as_scores(values)


def test_a_cases_mean_is_over_the_samples_it_has_and_exact_where_they_are_equal() -> None:
    scores = np.array([[0.1, 0.1, 0.1], [0.0, 1.0, math.nan], [math.nan] * 3])
    means = case_means(scores)
    assert means[0] == 0.1
    assert means[1] == 0.5
    assert math.isnan(means[2])


def test_what_is_missing_is_neither_beyond_0_and_1_nor_between() -> None:
    assert is_binary(np.array([[0.0, 1.0, math.nan]]))
    assert not is_binary(np.array([[0.5]]))
    assert is_bounded(np.array([[0.5, math.nan]]))
    assert not is_bounded(np.array([[1.5]]))


def test_clusters_are_numbered_as_they_come() -> None:
    assert group_indices(None, 3) is None
    found = group_indices(["b", "a", "b"], 3)
    assert found is not None
    assert found.tolist() == [0, 1, 0]
    for clusters in ("aab", ["a"], [["a"], ["b"], ["c"]], [math.nan, 1, 2]):
        with pytest.raises(ValueError, match="clusters"):
            group_indices(clusters, 3)
