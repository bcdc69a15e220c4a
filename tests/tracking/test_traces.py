"""A failure of each case that failed becomes a trace, the largest drops first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.store import RunInfo, Store
from harness.tracking.traces import choose_traces
from tests.gate.stored import Scored, run

SECOND = "suites/test_other.py::test_other"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


def stored(store: Store, *evaluations: Scored) -> tuple[RunInfo, dict[str, Any]]:
    made = run(store, "r1", *evaluations)
    report = store.report("r1")
    assert report is not None
    return made.weighed.run, dict(report)


def traced(store: Store, made: tuple[RunInfo, dict[str, Any]], most: int = 100) -> list[dict[str, Any]]:
    return choose_traces(store, *made, {}, most)[0]


def places(store: Store, *evaluations: Scored) -> list[tuple[str, int]]:
    found = traced(store, stored(store, *evaluations))
    return [(each["tags"]["steelyard.case"], int(each["tags"]["steelyard.sample"])) for each in found]


MEASURED = {"unit": "s", "higher_is_better": False}


@pytest.mark.parametrize(
    ("scored", "expected"),
    [
        (Scored(candidate={"a": [1, 0], "b": [0.5, 0.4], "c": [1, 1]}, baseline={"a": [1, 1]}), [("a", 1), ("b", 1)]),
        (Scored(candidate={"a": [0.8, 0.95], "b": [0.7, 1]}, rule={"threshold": 0.9}), [("a", 0), ("b", 0)]),
        (Scored(metric="f1", candidate={"a": [0.9, "failed"], "b": [0.8, 0.7]}), [("a", 1)]),
        (Scored(candidate={"a": [1.5, 2.5], "b": [1.0, 1.1]}, rule={"threshold": 2.0, **MEASURED}), [("a", 1)]),
        (Scored(candidate={"a": [0.1], "b": [0.2]}, rule=MEASURED), []),
        (Scored(candidate={"a": [1]}, baseline={"a": [0]}), []),
    ],
    ids=["below a half", "below the threshold", "a failed assertion", "a measure", "nothing required", "the baseline"],
)
def test_what_a_failure_is(store: Store, scored: Scored, expected: list[tuple[str, int]]) -> None:
    assert places(store, scored) == expected


def test_where_room_is_short_evaluations_come_in_turn_and_the_largest_drop_first(store: Store) -> None:
    one = Scored(
        candidate={"a": [0, 0, 1], "b": [0, 0, 0], "c": [0, 1, 1]},
        baseline={"a": [1, 1, 1], "b": [0, 0, 0], "c": [1, 1, 1]},
    )
    made = stored(store, one, Scored(id=SECOND, candidate={"a": [0, 1]}, baseline={"a": [1, 1]}))
    found, n_left_out = choose_traces(store, *made, {}, 3)
    assert [(each["tags"]["steelyard.evaluation"], each["tags"]["steelyard.case"]) for each in found] == [
        (one.id, "a"),
        (one.id, "c"),
        (SECOND, "a"),
    ]
    assert n_left_out == 1


def test_a_body_that_broke_comes_before_all(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [0], "b": ["error"]}))
    (found,) = traced(store, made, most=1)
    assert (found["tags"]["steelyard.case"], found["broke"]) == ("b", True)


def test_what_the_store_no_longer_has_is_traced_without_its_text(store: Store) -> None:
    made = stored(store, Scored(candidate={"a": [0]}))
    store.prune(older_than_s=-1, fingerprints=["f-small"])
    (found,) = traced(store, made)
    assert (found["outputs"], found["attributes"]["score.score"]) == (None, 0.0)
