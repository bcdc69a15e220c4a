"""Failures become traces, the largest drops first, and what people were asked about."""

from __future__ import annotations

from typing import Any

from harness.store import RunInfo, Store
from harness.tracking.selection import Place, choose_traces, place_of
from tests.gate.stored import Scored, run

SECOND = "suites/test_other.py::test_other"


def stored(store: Store, *evaluations: Scored) -> tuple[RunInfo, dict[str, Any]]:
    made = run(store, "r1", *evaluations)
    report = store.report("r1")
    assert report is not None
    return made.weighed.run, dict(report)


def places(store: Store, made: tuple[RunInfo, dict[str, Any]], most: int = 100) -> list[tuple[str, int]]:
    chosen = choose_traces(store, *made, most)
    return [(answer.case_id, answer.sample_index) for answer in chosen.answers]


def test_scores_below_a_half_are_failures_where_nothing_is_required(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [1, 0], "b": [0.5, 0.4], "c": [1, 1]}, baseline={"a": [1, 1]}))
    assert places(store, made) == [("a", 1), ("b", 1)]


def test_scores_below_the_threshold_are_failures(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [0.8, 0.95], "b": [0.7, 1]}, rule={"threshold": 0.9}))
    assert places(store, made) == [("a", 0), ("b", 0)]


def test_a_failed_assertion_is_a_failure_whatever_the_metric_is_called(store: Store) -> None:
    made = stored(store, Scored(metric="f1", candidate={"a": [0.9, "failed"], "b": [0.8, 0.7]}))
    assert places(store, made) == [("a", 1)]


def test_of_a_measure_the_wrong_side_of_its_threshold_is_a_failure(store: Store) -> None:
    rule = {"threshold": 2.0, "unit": "s", "higher_is_better": False}
    made = stored(store, Scored(candidate={"a": [1.5, 2.5], "b": [1.0, 1.1]}, rule=rule))
    assert places(store, made) == [("a", 1)]


def test_a_measure_of_which_nothing_is_required_has_no_failures(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [0.1], "b": [0.2]}, rule={"unit": "s"}))
    assert places(store, made) == []


def test_the_baselines_failures_are_not_traced(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [1]}, baseline={"a": [0]}))
    assert places(store, made) == []


def test_where_room_is_short_each_case_comes_once_and_the_largest_drop_first(store: Store) -> None:
    one = Scored(
        candidate={"a": [0, 0, 1], "b": [0, 0, 0], "c": [0, 1, 1]},
        baseline={"a": [1, 1, 1], "b": [0, 0, 0], "c": [1, 1, 1]},
    )
    other = Scored(id=SECOND, candidate={"a": [0, 1]}, baseline={"a": [1, 1]})
    made = stored(store, one, other)
    chosen = choose_traces(store, *made, 3)
    assert [place_of(answer) for answer in chosen.answers] == [
        Place(one.id, "a", "candidate", 0),
        Place(one.id, "c", "candidate", 0),
        Place(SECOND, "a", "candidate", 0),
    ]
    assert chosen.n_left_out == 4


def test_a_body_that_broke_comes_before_all(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [0], "b": ["error"]}))
    made[1]["evaluations"][0]["errors"] = ["case b: ValueError"]
    assert places(store, made, most=1) == [("b", 0)]


def test_what_the_store_no_longer_has_is_traced_without_its_text(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [0]}))
    store.prune(older_than_s=-1, fingerprints=["f-small"])
    (answer,) = choose_traces(store, *made, 9).answers
    assert (answer.sample, answer.rows["score"].value) == (None, 0.0)
