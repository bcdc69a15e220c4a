"""Scores of arrays and of data frames, paired by case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest

from harness.errors import UsageError
from harness.notebook.scores import paired_scores

NAN = np.nan


def frame(**columns: Any) -> pandas.DataFrame:
    return pandas.DataFrame(columns)


def test_arrays_are_paired_by_row() -> None:
    found = paired_scores([True, False], [[1, 0.5], [NAN, 0]])
    assert found.case_ids == ("case 0", "case 1")
    assert found.candidate.tolist() == [[1.0], [0.0]]
    assert found.baseline is not None
    np.testing.assert_array_equal(found.baseline, [[1, 0.5], [NAN, 0]])
    assert (found.clusters, found.notes) == (None, ())


def test_series_are_paired_by_their_index() -> None:
    new = pandas.Series([1, 0, 0.5], index=["a", "b", "c"])
    found = paired_scores(new, pandas.Series([0.1, 0.2, 0.3], index=["c", "b", "a"]))
    assert found.baseline is not None
    assert (found.candidate.tolist(), found.baseline.tolist()) == ([[1], [0], [0.5]], [[0.3], [0.2], [0.1]])
    missing = paired_scores(pandas.Series([True, pandas.NA], dtype="boolean"), [[1, 0], [1, 1]])
    assert (missing.candidate.tolist(), missing.notes) == ([[1]], ("left out 1 case without a score",))
    by_row = paired_scores(new, [1, 0, 0.5]).baseline
    assert by_row is not None
    assert by_row[:, 0].tolist() == [1, 0, 0.5]


def test_of_series_what_one_alone_has_is_left_out_and_what_is_named_twice_has_samples() -> None:
    found = paired_scores(pandas.Series([1, 0, 1], index=["a", "b", "b"]), pandas.Series([1, 1], index=["b", "c"]))
    assert (found.case_ids, found.candidate.tolist()) == (("b",), [[0, 1]])
    assert found.notes == ("left out 1 case that new alone has and 1 case that old alone has",)


def test_frames_are_paired_by_case_with_their_samples_in_order() -> None:
    new = frame(case=["b", "a", "b", "new"], score=[1, 0, None, 1], cluster=["x", None, "x", "y"])
    old = frame(case_id=["a", "old", "b", "a"], score=[1, 1, 0, 0])
    found = paired_scores(new, old)
    assert found.case_ids == ("b", "a")
    np.testing.assert_array_equal(found.candidate, [[1, NAN], [0, NAN]])
    assert found.baseline is not None
    np.testing.assert_array_equal(found.baseline, [[0, NAN], [1, 0]])
    assert found.clusters == ("x", "case a")
    assert found.notes == (
        "left out 1 case that new alone has and 1 case that old alone has",
        "new alone names clusters, which count for both",
    )


@pytest.mark.parametrize("of_old", [["x", "x", "y"], ["q", "q", "p"], [7.0, 7.0, np.nan], None])
@pytest.mark.parametrize("is_turned", [False, True])
def test_clusters_that_one_side_says_or_both_agree_on_count_and_are_counted(of_old: Any, is_turned: bool) -> None:
    sides = [
        frame(case=["a", "b", "c"], score=[1, 0, 1], cluster=["p", "p", "q"]),
        frame(case=["a", "b", "c"], score=1),
    ]
    if of_old is not None:
        sides[1]["cluster"] = of_old
    found = paired_scores(*reversed(sides)) if is_turned else paired_scores(*sides)
    assert found.clusters is not None
    assert found.clusters[0] == found.clusters[1] != found.clusters[2]
    alone = f"{'old' if is_turned else 'new'} alone names clusters, which count for both"
    counted = "3 cases in 2 clusters"
    assert found.notes == ((counted,) if of_old is not None else (alone, counted))


def test_a_case_without_a_score_is_left_out_on_both_sides() -> None:
    found = paired_scores([[1, NAN], [NAN, NAN], [0, 1]], [1, 1, 1])
    assert found.case_ids == ("case 0", "case 2")
    assert found.notes == ("left out 1 case without a score",)


def test_what_is_masked_or_missing_in_any_way_is_no_score() -> None:
    masked = np.ma.array([[1, 0], [1, 1]], mask=[[False, True], [True, True]])
    for new in (
        paired_scores(masked, [1, 1]),
        paired_scores(frame(case=["case 0", "c"], score=pandas.array([1, None], "Int64")), None),
    ):
        assert (new.case_ids, np.nanmin(new.candidate)) == (("case 0",), 1)


def test_sides_that_name_other_clusters_are_refused() -> None:
    cases = ["a", "b", "c", "d"]
    new, old = (frame(case=cases, score=1.0, cluster=each) for each in (["x", "x", "y", "z"], ["p", "q", "q", "r"]))
    with pytest.raises(UsageError, match="compare: new and old have different clusters"):
        paired_scores(new, old)


def test_a_case_that_was_skipped_once_is_left_out_as_a_gate_does() -> None:
    new = frame(case=["a", "a", "b"], score=[1, None, 1], outcome=["scored", "skipped", "scored"])
    assert paired_scores(new, frame(case=["a", "b"], score=[1, 1])).case_ids == ("b",)


class Columns:
    """A data frame of another library: columns by name, and no more."""

    columns = ("case", "score")

    def __getitem__(self, name: str) -> tuple[Any, ...]:
        return {"case": (1, 2), "score": (0.5, 1)}[name]


def test_data_frames_of_any_library_will_do() -> None:
    found = paired_scores(Columns(), None)
    assert (found.case_ids, found.candidate.tolist(), found.baseline) == (("1", "2"), [[0.5], [1.0]], None)
    arrow = pyarrow.table({"case": ["a", "b", "b"], "score": [1.0, 0.0, 1.0]})
    assert paired_scores(arrow, None).candidate.tolist()[1] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        ([1, 1], [1], "new has 2 cases and old has 1. Arrays are paired by row"),
        ([[1], [1, 0]], None, r"new is list, and not an array of numbers \(n_cases or n_cases"),
        ([1], "text", "old is str, and not an array of numbers"),
        (np.ones((2, 2, 2)), None, r"new has the shape \(2, 2, 2\); it takes"),
        ([], None, "new is empty; give the scores of one case at least"),
        (pandas.Series(["x"]), None, "new is list, and not an array of numbers"),
        (pandas.Series([np.ones(2), np.ones(3)]), None, "new is list, and not an array of numbers"),
        ([1], frame(case=["a"], score=[1]), "one side is a data frame and the other is none"),
        (frame(cas=["a"], score=[1]), None, "columns `case` and `score`. No column named 'case'. .*Did you mean 'cas'"),
        (frame(case=["a"], score=["x"]), None, "new is list, and not an array of numbers"),
        (frame(case=["a"], score=[1]), frame(case=["b"], score=[1]), "no case in common"),
        ([NAN], [1], "no case has a score on both sides"),
        (np.array(["1"]), None, "new is ndarray, and not an array of numbers"),
        (frame(case=["a", None], score=[1, 1]), None, "new has rows that name no case"),
        (frame(case=["a", "a"], score=[1, 1], run_id=["r", "s"]), None, r"new has 2 runs .*\(r, s\)"),
        (frame(case=["a", "b"], score=[1, None], outcome=["scored", "error"]), None, "new has 1 row of an error"),
        (
            frame(case=["a", "a"], score=[1, 1], cluster=["x", "y"]),
            None,
            "new has the case 'a' in the cluster 'x' and in the cluster 'y'",
        ),
        (
            frame(case=["a", "a"], score=[1, 1], cluster=["x", None]),
            None,
            "new has the case 'a' in the cluster 'x' and in no cluster",
        ),
        (
            frame(case=["a", "a"], score=[1, 1], role=["candidate", "baseline"]),
            None,
            r"new has 2 roles in its column 'role' \(candidate, baseline\); choose the rows of one",
        ),
    ],
)
def test_what_can_not_be_paired_is_refused(new: Any, old: Any, said: str) -> None:
    with pytest.raises(UsageError, match=f"(?s)compare: .*{said}"):
        paired_scores(new, old)
