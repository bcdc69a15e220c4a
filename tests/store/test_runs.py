import itertools
import json
import tracemalloc
from types import MappingProxyType

import numpy as np
import pytest

from harness.errors import StoreError
from harness.store import RunInfo, Store
from tests.store.conftest import OpenStore
from tests.store.rows import key_of, score

CREATED = "2026-11-24T16:03:12Z"


def test_a_run_is_listed_from_its_beginning_and_reported_at_its_end(store: Store) -> None:
    spec = {"candidate": {"name": "small", "fingerprint": "f0"}, "samples": 5}
    store.begin_run("r1", CREATED, spec)
    assert store.runs() == [RunInfo("r1", CREATED, spec, finished=False)]
    assert store.report("r1") is None
    report = {"run_id": "r1", "verdict": "regressed", "exit_code": 1, "text": "\ud800 \0 日本"}
    store.finish_run("r1", report)
    assert store.runs() == [RunInfo("r1", CREATED, spec, finished=True, verdict="regressed", exit_code=1)]
    assert store.report("r1") == report


def test_runs_are_listed_in_the_order_they_began(store: Store) -> None:
    for run_id in ("b", "c", "a"):
        store.begin_run(run_id, CREATED, {})
    assert [run.run_id for run in store.runs()] == ["b", "c", "a"]


def test_a_run_begins_once(store: Store) -> None:
    store.begin_run("r1", CREATED, {})
    with pytest.raises(StoreError, match="already holds a run 'r1'"):
        store.begin_run("r1", CREATED, {})


def test_a_report_stays_as_it_was_first_written(store: Store) -> None:
    store.begin_run("r1", CREATED, {})
    store.finish_run("r1", {"verdict": "passed"})
    store.finish_run("r1", {"verdict": "failed"})
    assert store.report("r1") == {"verdict": "passed"}


def test_specifications_may_hold_numpy_numbers_and_read_only_mappings(store: Store) -> None:
    store.begin_run("r1", CREATED, {"level": np.float64(0.95), "sampling": MappingProxyType({"n": np.int64(3)})})
    assert store.runs()[0].spec == {"level": 0.95, "sampling": {"n": 3}}


def test_scores_come_back_whole_by_evaluation_case_and_sample(store: Store) -> None:
    rows = [
        score("peru", 1, 0.25, sample_key=key_of("a"), reason="\ud800 \0 near"),
        score("chad", 0, None, outcome="skipped"),
        score("peru", 0, None, outcome="error", reason="TypeError: …"),
        score("peru", 2, 0.0, outcome="failed", reason="no capital", assertion="assert 1 == 2"),
        score("peru", 0, role="baseline", fingerprint="f1"),
        score("peru", 0, metric="seconds"),
        score("peru", 0, evaluation_id="other"),
    ]
    store.begin_run("r1", CREATED, {})
    store.add_scores("r1", rows)
    assert list(store.scores("r1")) == [rows[1], rows[2], rows[0], *rows[3:]]


def test_scores_of_runs_are_kept_apart(store: Store) -> None:
    store.add_scores("r1", [score(value=0.0)])
    store.add_scores("r2", [score(value=1.0)])
    store.add_scores("r2", [])
    assert [row.value for row in store.scores("r1")] == [0.0]
    assert [row.value for row in store.scores("r2")] == [1.0]
    assert list(store.scores("r3")) == []


def test_scores_are_added_in_parts_and_stay_as_they_were_first_written(store: Store) -> None:
    store.begin_run("r1", CREATED, {})
    store.add_scores("r1", [score(index=0, value=0.5)])
    store.add_scores("r1", [score(index=0, value=0.9), score(index=1, value=1.0)])
    assert [row.value for row in store.scores("r1")] == [0.5, 1.0]


@pytest.mark.service
def test_scores_can_be_added_while_they_are_read(store: Store, url: str, open_store: OpenStore) -> None:
    store.add_scores("r1", [score(str(case), index) for case in range(1000) for index in range(5)])
    reading = store.scores("r1")
    next(reading)
    store.add_scores("r1", [score("new", evaluation_id="other")])
    open_store(url).add_scores("r2", [score()])
    assert sum(1 for _ in reading) == 4999


@pytest.mark.service
def test_a_reading_that_is_given_up_leaves_the_store_usable(store: Store) -> None:
    store.add_scores("r1", [score(str(case)) for case in range(5000)])
    for _ in range(20):
        reading = store.scores("r1")
        next(reading)
        reading.close()  # type: ignore[attr-defined]
    assert len(list(itertools.islice(store.scores("r1"), 10))) == 10


@pytest.mark.nightly
def test_scores_are_streamed(store: Store) -> None:
    store.add_scores("r1", [score(f"case {case:06d}", index) for case in range(4000) for index in range(10)])
    tracemalloc.start()
    try:
        assert sum(1 for _ in store.scores("r1")) == 40_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_stored_json_is_ascii(store: Store) -> None:
    store.begin_run("r1", CREATED, {"text": "日本"})
    assert json.loads(json.dumps(store.runs()[0].spec)) == {"text": "日本"}
