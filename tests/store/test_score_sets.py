import tracemalloc

import numpy as np
import pytest

from harness.records import NewSample, Request, Sample, ScoringRule
from harness.store import ScoreSet, Store
from tests.store.rows import draw, key_of, score

pytestmark = pytest.mark.service


SUITE = "suites/test_capitals.py::test_capitals"


def by_metric(store: Store, run_id: str = "r1") -> dict[str, ScoreSet]:
    return {each.metric: each for each in store.score_sets(run_id)}


def test_a_set_is_a_metric_of_an_evaluation_in_a_role(store: Store) -> None:
    store.add_scores(
        "r1", [score(), score("chad"), score(role="baseline", fingerprint="f1"), score(metric="seconds"), score()]
    )
    store.add_scores("r2", [score()])
    found = [(each.evaluation_id, each.metric, each.role, each.fingerprint) for each in store.score_sets("r1")]
    assert found == [
        (SUITE, "score", "candidate", "f0"),
        (SUITE, "score", "baseline", "f1"),
        (SUITE, "seconds", "candidate", "f0"),
    ]
    assert store.score_sets("r3") == []


def test_scores_are_an_array_with_nan_where_a_body_gave_none(store: Store) -> None:
    store.add_scores(
        "r1",
        [
            score("peru", 0, 0.1),
            score("peru", 2, 0.3),
            score("\ud800 \0 日本", 1, 1.0),
            score("peru", 3, 0.0, outcome="failed"),
            score("chad", 0, None, outcome="skipped"),
            score("mali", 0, None, outcome="error"),
        ],
    )
    array = store.score_array(by_metric(store)["score"])
    rows = dict(zip(array.case_ids, array.values.tolist(), strict=True))
    assert array.values.shape == array.failed.shape == (2, 4)
    np.testing.assert_array_equal(rows["peru"], [0.1, np.nan, 0.3, np.nan])
    np.testing.assert_array_equal(rows["\ud800 \0 日本"], [np.nan, 1.0, np.nan, np.nan])
    assert [(array.case_ids[row], column) for row, column in np.argwhere(array.failed)] == [("peru", 3)]
    assert array.skipped == {"chad"}


def test_a_set_without_a_score_is_an_empty_array(store: Store) -> None:
    store.add_scores("r1", [score("chad", 0, None, outcome="skipped")])
    array = store.score_array(by_metric(store)["score"])
    assert (array.case_ids, array.values.shape, array.skipped) == ((), (0, 0), {"chad"})


@pytest.mark.nightly
def test_more_rows_than_are_read_at_once_come_back_whole(store: Store) -> None:
    rows = [score(f"case {case}", index, case + index / 8) for case in range(15_000) for index in range(4)]
    store.add_scores("r1", rows)
    array = store.score_array(by_metric(store)["score"])
    found = dict(zip(array.case_ids, array.values.tolist(), strict=True))
    assert found == {f"case {case}": [case + index / 8 for index in range(4)] for case in range(15_000)}


@pytest.mark.nightly
def test_reading_an_array_keeps_no_row(store: Store) -> None:
    store.add_scores("r1", [score(f"case {case:06d}", index) for case in range(2000) for index in range(50)])
    (own,) = store.score_sets("r1")
    store.score_array(own)
    tracemalloc.start()
    try:
        array = store.score_array(own)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert array.values.shape == (2000, 50)
    assert peak < 12_000_000  # as tuples, 100,000 rows take 18 MB


def test_the_scores_of_some_cases_come_back_whole(store: Store) -> None:
    rows = [
        score("peru", 1, 0.25, sample_key=key_of("a"), reason="near"),
        score("peru", 0, None, outcome="error"),
        score("chad", 0, 1.0),
    ]
    store.add_scores("r1", [*rows, score("mali"), score("peru", metric="seconds")])
    own = by_metric(store)["score"]
    assert [*store.scores_of([own], ["peru", "chad", "nowhere"])] == [rows[2], rows[1], rows[0]]
    assert [*store.scores_of([own], [])] == []
    assert len([*store.scores_of([own], [f"x{number}" for number in range(2000)] + ["mali"])]) == 1


def asked(store: Store, run_id: str, **requests: Request) -> list[ScoreSet]:
    """A run whose cases asked these requests, each answered by the first sample."""
    for case, request in requests.items():
        key = key_of(f"{run_id}/{case}")
        store.add([NewSample(key, run_id, 0, request, Sample("yes"))])
        store.add_scores(run_id, [score(case, 0, sample_key=key), score(case, 0, metric="seconds", sample_key=key)])
    return store.score_sets(run_id)


def test_by_whom_scores_were_given_is_told_of_sets_together(store: Store) -> None:
    small, large = ScoringRule(("f7",), "rubric"), ScoringRule(("f7", "f8"), "Faithfulness")
    rows = [score(judged_by=small), score("chad", judged_by=small), score(metric="clear", judged_by=large)]
    store.add_scores("r1", [*rows, score(metric="exact")])
    sets = by_metric(store)
    assert store.judged_by([sets["score"], sets["clear"]]) == {small, large}
    assert store.judged_by([sets["exact"]]) == frozenset()
    assert [row.judged_by for row in store.scores_of([sets["clear"]], ["peru"])] == [large]


def test_cases_that_asked_something_else_are_found_with_both_requests(store: Store) -> None:
    def ask(text: str) -> Request:
        return Request(messages=({"role": "user", "content": text},))

    ours = asked(store, "r1", peru=ask("Capital of Peru?"), chad=ask("Capital of Chad?"), mali=ask("Mali?"))
    theirs = asked(store, "r2", peru=ask("Capital of Peru?"), chad=ask("The capital of Chad?"), fiji=ask("Fiji?"))
    assert list(store.differing_requests(ours, theirs)) == [
        ("chad", ask("Capital of Chad?"), ask("The capital of Chad?"))
    ]
    assert list(store.differing_requests(ours, ours)) == []


def test_requests_that_are_no_longer_stored_differ_from_none(store: Store) -> None:
    store.add([draw("a")])
    store.add_scores("r1", [score("peru", 0, sample_key=key_of("a")), score("chad", 0)])
    store.add_scores("r2", [score("peru", 0, sample_key=key_of("gone")), score("chad", 0)])
    assert list(store.differing_requests(store.score_sets("r1"), store.score_sets("r2"))) == []
