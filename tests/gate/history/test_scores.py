"""Scores come out of the store as a gate had them when it decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.gate.history.comparison import match
from harness.gate.history.scores import Pair
from harness.store import Store
from tests.decisions.observations import replace
from tests.gate.stored import Scored, run, side

NAN = np.nan


def pair_of(store: Store, ours: Scored, theirs: Scored | None = None, pattern: str = "*") -> Pair:
    """The scores of one evaluation: of one run with its baseline, or of the candidates of two runs."""
    first = run(store, "r1", ours)
    second = side(store, "r1", "baseline") if theirs is None else run(store, "r2", theirs)
    (pair,) = match(store, first, second, cases=pattern).pairs
    return pair


def rebuilt(store: Store, ours: Scored, theirs: Scored | None = None, metric: str = "score"):
    return pair_of(store, ours, theirs).observed(metric)


def test_cases_are_in_the_order_of_the_candidates_run_and_missing_samples_nan(store: Store) -> None:
    ours = Scored(candidate={"b": [1, 0.5], "a": [0, None], "c": [1, 1]}, baseline={"a": [1], "b": [0], "c": [1]})
    observed = rebuilt(store, ours)
    assert observed.case_ids == ("b", "a", "c")
    np.testing.assert_array_equal(observed.candidate, [[1, 0.5], [0, NAN], [1, 1]])
    np.testing.assert_array_equal(observed.baseline, [[0], [1], [1]])


def test_rules_are_those_of_the_candidates_run(store: Store) -> None:
    rule = {"threshold": 0.8, "margin": 0.1, "margin_is_default": False, "requirement": "R1", "clusters": ("x", "x")}
    ours = Scored(candidate={"a": [1], "b": [0]}, rule=rule)
    theirs = Scored(candidate={"b": [1], "a": [1]}, rule={"threshold": 0.2})
    observed = rebuilt(store, ours, theirs)
    assert (observed.plan.threshold, observed.plan.margin, observed.plan.margin_is_default) == (0.8, 0.1, False)
    assert (observed.plan.requirement, observed.clusters, observed.plan.design) == ("R1", ("x", "x"), "fixed")


def test_a_margin_given_takes_the_place_of_theirs(store: Store) -> None:
    pair = pair_of(store, Scored(candidate={"a": [1]}, baseline={"a": [1]}))
    own, given = pair.observed("score").plan, pair.observed("score", margin=0.2).plan
    assert (own.margin, own.margin_is_default) == (0.05, True)
    assert (given.margin, given.margin_is_default) == (0.2, False)
    with pytest.raises(SettingsError, match=r"--margin 1 lets everything pass"):
        pair.observed("score", margin=1.0)


def test_only_cases_of_both_are_paired_and_the_others_counted(store: Store) -> None:
    ours = Scored(candidate={"a": [1], "b": [1], "c": [1], "peru": [1]}, rule={"n_truncated": 3})
    theirs = Scored(candidate={"b": [1], "peru": [1], "d": [1], "e": [1]})
    pair = pair_of(store, ours, theirs)
    assert (pair.case_ids, pair.candidate_alone, pair.baseline_alone) == (("b", "peru"), 2, 2)
    assert pair.observed("score").n_truncated == 0  # whose answers were cut is not known of each case
    whole = Pair(pair.candidate, pair.candidate).observed("score")
    assert (whole.n_truncated, whole.undecided) == (3, "")
    part = Pair(pair.candidate, pair.candidate, "per*").observed("score")
    assert (part.case_ids, part.undecided) == (("peru",), "a part of the cases (--case)")


def test_a_case_that_either_side_skipped_is_left_out_for_both(store: Store) -> None:
    ours = Scored(candidate={"a": [1], "b": ["skipped"], "c": [1]}, baseline={"a": [1], "b": [1], "c": ["skipped"]})
    observed = rebuilt(store, ours)
    assert (observed.case_ids, observed.n_skipped) == (("a",), 2)


def test_a_failed_assertion_is_a_0_on_every_metric(store: Store) -> None:
    ours = Scored(metric="f1", candidate={"a": [0.5, "failed"], "b": [0.7, 0.9]}, baseline={"a": [1, 1], "b": [1, 1]})
    pair = pair_of(store, ours)
    assert pair.metrics == ("f1",)
    np.testing.assert_array_equal(pair.observed("f1").candidate, [[0.5, 0], [0.7, 0.9]])


@pytest.mark.parametrize("is_candidate", [True, False])
def test_a_run_whose_bodies_all_failed_is_compared_on_the_metrics_of_the_other(store: Store, is_candidate) -> None:
    failed = Scored(candidate={"a": ["failed", "failed"]}, rule={"threshold": 0.5})
    graded = Scored(metric="f1", candidate={"a": [0.5, 0.7]}, rule={"threshold": 0.5})
    pair = pair_of(store, *((failed, graded) if is_candidate else (graded, failed)))
    assert pair.metrics == ("f1",)
    observed = pair.observed("f1")
    assert (observed.metric, observed.plan.threshold) == ("f1", 0.5)
    scores = observed.candidate if is_candidate else observed.baseline
    np.testing.assert_array_equal(scores, [[0, 0]])


def test_two_runs_whose_bodies_all_failed_are_compared_as_they_are(store: Store) -> None:
    failed = Scored(candidate={"a": ["failed"]})
    pair = pair_of(store, failed, failed)
    assert pair.metrics == ("score",)
    np.testing.assert_array_equal(pair.observed("score").candidate, [[0]])


def test_a_metric_of_another_unit_can_not_be_compared(store: Store) -> None:
    ours = Scored(metric="m", candidate={"a": [0.5], "b": [0.6]}, rule={"unit": "s", "higher_is_better": False})
    theirs = replace(ours, rule={})
    (error,) = rebuilt(store, ours, theirs, "m").errors
    assert "'m' is in s, lower being better, in the candidate's run, a score in [0, 1], higher being better," in error


def test_a_measure_keeps_its_range_and_statistic(store: Store) -> None:
    rule = {"unit": "s", "higher_is_better": False, "margin": 2.0, "at_least": 0.0, "at_most": 9.0, "statistic": "p50"}
    times = Scored(metric="seconds", candidate={"a": [1.5], "b": [2.5]}, baseline={"a": [1], "b": [1]}, rule=rule)
    pair = pair_of(store, times)
    observed = pair.observed("seconds")
    assert (observed.at_least, observed.at_most, observed.statistic) == (0.0, 9.0, "p50")
    with pytest.raises(SettingsError, match=r"--margin 9 lets everything pass: 'seconds' .* is in s from 0 to 9"):
        pair.observed("seconds", margin=9.0)


def test_what_went_wrong_in_two_runs_says_in_which(store: Store) -> None:
    ours = Scored(candidate={"a": [1]}, rule={"errors": ("no answer",)})
    theirs = Scored(candidate={"a": [1]}, rule={"errors": ("cut off",)})
    assert rebuilt(store, ours, theirs).errors == ("run r1: no answer", "run r2: cut off")


STOPS = {"design": "sequential", "margin": 0.2, "n_planned": 60}
ORDER = [f"c{number}" for number in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7, *range(10, 60))]


def scored(order: list[str], rule: Mapping[str, Any] = STOPS) -> Scored:
    """Two equal versions, whose scores were drawn in this order."""
    values = {case: [1.0] for case in order}
    return Scored(candidate=values, baseline=values, rule=rule)


def test_both_sides_of_one_run_have_its_order_as_far_as_it_was_decided(store: Store) -> None:
    pair = pair_of(store, scored(ORDER))
    n_decided = next(iter(pair.candidate.entries.values())).n_cases
    assert 10 < n_decided < len(ORDER)
    assert (list(pair.case_ids), pair.is_in_order) == (ORDER[:n_decided], True)
    assert pair.observed("score").n_planned == 60


def test_runs_in_one_order_have_the_beginning_that_both_have(store: Store) -> None:
    pair = pair_of(store, scored(ORDER), scored([case for case in ORDER if case != "c4"]))
    assert list(pair.case_ids) == [case for case in ORDER[: len(pair.case_ids) + 1] if case != "c4"]
    assert (pair.is_in_order, pair.candidate_alone, pair.observed("score").plan.design) == (True, 1, "sequential")


def test_runs_in_different_orders_keep_every_case_and_decide_nothing(store: Store) -> None:
    pair = pair_of(store, scored(ORDER), scored(sorted(ORDER)))
    assert (pair.is_in_order, len(pair.case_ids)) == (False, len(ORDER))
    assert "different orders" in pair.other_orders
    observed = pair.observed("score")
    assert (observed.plan.design, observed.undecided) == ("fixed", "what two runs drew in different orders")


def test_a_run_that_drew_everything_has_any_order(store: Store) -> None:
    pair = pair_of(store, scored(ORDER), scored(sorted(ORDER), {}))
    assert (list(pair.case_ids), pair.is_in_order) == (ORDER[: len(pair.case_ids)], True)


def test_a_run_that_its_budget_ended_has_the_order_that_it_drew_as_far_as_it_came(store: Store) -> None:
    pair = pair_of(store, scored(ORDER[:8], {"n_planned": 60, "stopped_at": "max_tokens 9"}))
    observed = pair.observed("score")
    assert (list(observed.case_ids), observed.n_planned, observed.stopped_at) == (ORDER[:8], 60, "max_tokens 9")
