"""The scores that a decision starts from: what is refused, how a range is taken out, and where they begin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.decisions.observations import has_score, oriented
from harness.records import Stakes
from tests.decisions.observations import observed

NAN = math.nan


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baseline": [[1.0], [0.0], [1.0]]}, r"baseline has shape \(3, 1\) for 2 cases"),
        ({"case_ids": ("a",)}, "foundation/test_capitals"),
        ({"clusters": ("a",)}, "1 clusters for 2 cases"),
        ({"margin": -0.1}, "is not a number of 0 or more"),
        ({"margin": NAN}, "is not a number of 0 or more"),
        ({"threshold": math.inf}, "is not a finite number"),
        ({"per": "case"}, "decides one case at a time, and 2 were given"),
    ],
)
def test_what_nothing_can_be_decided_from_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        observed([[1.0], [0.0]], **changes)


def test_a_range_is_taken_out_of_scores_threshold_margin_and_stakes() -> None:
    stakes = Stakes(20.0, 5.0, 2, True)
    scores = observed(
        [[10.0], [30.0]], [[20.0], [NAN]], unit="s", at_least=10.0, at_most=30.0, threshold=20.0, margin=5.0,
        stakes=stakes,
    ).as_scores()  # fmt: skip
    assert scores.candidate.tolist() == [[0.0], [1.0]]
    assert scores.baseline is not None
    assert scores.baseline[0, 0] == 0.5
    assert (scores.plan.threshold, scores.plan.margin, scores.unit is None, scores.width) == (0.5, 0.25, True, 1.0)
    assert scores.stakes is not None
    assert (scores.stakes.threshold, scores.stakes.margin) == (0.5, 0.25)


def test_a_measure_without_a_range_stays_as_it_is() -> None:
    times = observed([[10.0]], unit="s")
    assert times.as_scores() is times


def test_it_begins_with_cases_and_a_single_case_with_samples() -> None:
    cases = observed([[1.0, 0.0], [0.0, 1.0]], [[1.0], [1.0]], clusters=("a", "b")).first(1)
    assert (cases.case_ids, cases.candidate.tolist(), cases.clusters) == (("c0",), [[1.0, 0.0]], ("a",))
    assert observed([[1.0, 0.0, 1.0]], [[0.0, 1.0]]).first(1).candidate.tolist() == [[1.0]]


def test_clusters_count_their_scored_cases() -> None:
    assert observed([[1.0], [NAN], [0.0]], clusters=("a", "a", "b")).cluster_sizes == (1, 1)
    assert observed([[1.0], [NAN], [0.0]]).cluster_sizes == (1, 1)


@pytest.mark.parametrize(
    ("changes", "sequential", "two"),
    [
        ({"design": "sequential"}, True, True),
        ({"design": "sequential", "unit": "s"}, False, False),
        ({"design": "sequential", "unit": "s", "at_least": 0.0, "at_most": 9.0}, True, True),
        ({"design": "sequential", "unit": "s", "statistic": "p95"}, False, False),
    ],
)
def test_what_may_stop_early_and_has_two_claims(changes: dict[str, object], sequential: bool, two: bool) -> None:
    found = observed([[1.0], [0.0]], n_planned=2, **changes)
    assert (found.is_sequential, found.has_two_claims) == (sequential, two)


def test_a_part_of_a_fixed_design_is_shown_without_a_say() -> None:
    ended = observed(
        [[1.0], [0.0]], design="sequential", unit="s", statistic="p95", n_planned=2, suite_size=9
    ).as_shown()
    assert (ended.stopped_at, ended.n_planned, ended.may_decide) == ("max_samples", 9, False)
    part = observed([[1.0], [0.0]], stopped_at="max_requests = 4", n_planned=9).as_shown()
    assert (part.plan.design, part.may_decide, part.is_whole, part.n_done) == ("sequential", False, False, 2)


def test_scores_are_turned_so_that_more_is_better() -> None:
    scores = np.array([[0.25]])
    assert oriented(observed(scores), scores).tolist() == [[0.25]]
    assert oriented(observed(scores, higher_is_better=False), scores).tolist() == [[0.75]]
    assert oriented(observed(scores, higher_is_better=False, unit="s"), scores).tolist() == [[-0.25]]


def test_a_case_has_a_score_where_any_sample_has() -> None:
    assert has_score(np.array([[NAN, 1.0], [NAN, NAN]])).tolist() == [True, False]
