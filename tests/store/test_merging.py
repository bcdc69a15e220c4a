"""What another store has is brought in, once, and what is here stays."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.records import ScoreRow
from harness.store import MergeSummary, Store
from harness.store.database import Database
from tests.store.conftest import NewUrl, OpenStore
from tests.store.rows import draw, key_of, score

pytestmark = pytest.mark.service


@pytest.fixture
def other(new_url: NewUrl, open_store: OpenStore) -> Store:
    return open_store(new_url())


def _texts(store: Store, key: bytes) -> dict[int, str]:
    return {index: sample.text for index, sample in store.find([key]).get(key, {}).items()}


def _run(store: Store, run_id: str, *scores: ScoreRow) -> None:
    store.begin_run(run_id, "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add_scores(run_id, scores)
    store.finish_run(run_id, {"verdict": "passed", "exit_code": 0})


def test_merge_brings_samples_requests_runs_scores_and_reports(store: Store, other: Store) -> None:
    other.generations("f0", now=5.0)
    other.add([draw("a", "\ud800 \0", 0, reasoning="because"), draw("b", "B")])
    _run(other, "r1", score(sample_key=key_of("a")), score("chad", reason="near"))
    assert store.merge(other) == MergeSummary(samples=2, left=0, requests=2, runs=1, scores=2)
    keys = [key_of("a"), key_of("b")]
    assert store.find(keys) == other.find(keys)
    assert store.request(keys[0]) == other.request(keys[0])
    assert store.runs() == other.runs()
    assert store.report("r1") == other.report("r1")
    assert list(store.scores("r1")) == list(other.scores("r1"))
    assert store.info().versions == other.info().versions


def test_merging_again_brings_in_only_what_is_new_and_runs_once_they_ended(store: Store, other: Store) -> None:
    other.add([draw("b", "B", 0)])
    other.begin_run("r1", "2026", {})
    other.add_scores("r1", [score()])
    assert store.merge(other) == MergeSummary(samples=1, left=0, requests=1, runs=0, scores=0)
    other.add([draw("b", "B", 1)])
    other.finish_run("r1", {})
    for merged in (MergeSummary(1, 0, 0, 1, 1), MergeSummary(0, 0, 0, 0, 0)):
        assert store.merge(other) == merged


def test_what_one_of_two_stores_drew_lies_beside_what_the_other_drew(store: Store, other: Store) -> None:
    store.generations("f0", now=200.0)
    other.generations("f0", now=100.0)
    other.generations("f0", now=100.0, fresh=True)
    store.add([draw("a", "ours", 0)])
    other.add([draw("a", "theirs", 1), draw("b", "theirs", generation=1)])
    assert store.merge(other).left == 0
    assert _texts(store, key_of("a")) == {0: "ours", 1: "theirs"}
    assert store.generations("f0", max_age_s=50, now=151.0) == (2,), "the age counts from the older beginning"
    assert store.generations("f0") == (1, 0)


def test_of_a_sample_that_both_drew_ours_stays_and_a_score_of_theirs_has_no_answer(store: Store, other: Store) -> None:
    store.add([draw("a", "ours", 0), draw("a", "ours", 1)])
    other.add([draw("a", "theirs", 1), draw("a", "theirs", 2), draw("b")])
    _run(other, "r1", score(index=1, sample_key=key_of("a")), score("b", sample_key=key_of("b")))
    for merged in (MergeSummary(1, 2, 1, 1, 2), MergeSummary(0, 2, 0, 0, 0)):
        assert store.merge(other) == merged
    assert _texts(store, key_of("a")) == {0: "ours", 1: "ours"}
    assert {row.case_id: row.sample_key for row in store.scores("r1")} == {"peru": None, "b": key_of("b")}


class Growing(Database):
    """A store that a gate goes on with after so many queries."""

    def __init__(self, store: Store, n_queries: int, go_on: Callable[[], object]) -> None:
        own = store._database
        super().__init__(own.engine, own.url, readonly=True)
        self._left = n_queries
        self._go_on = go_on

    def rows(self, query: Any, **values: Any) -> Sequence[Any]:
        rows = super().rows(query, **values)
        self._left -= 1
        if self._left == 0:
            self._go_on()
        return rows


@pytest.mark.parametrize("n_queries", range(1, 8))
def test_a_score_of_a_run_that_goes_on_during_a_merge_is_of_no_sample_of_ours(
    tmp_path: Path, open_store: OpenStore, n_queries: int
) -> None:
    store, other = (open_store(str(tmp_path / name)) for name in ("ours.db", "theirs.db"))
    store.add([draw("a", "ours")])
    other.add([draw("b", "theirs")])
    other.begin_run("r1", "2026", {})

    def go_on() -> None:
        other.add([draw("a", "theirs")])
        other.add_scores("r1", [score(sample_key=key_of("a"))])
        other.finish_run("r1", {})

    store.merge(Store(Growing(other, n_queries, go_on)))
    store.merge(other)
    assert [row.sample_key for row in store.scores("r1")] == [None]
    assert store.runs()[0].finished


def test_a_store_merged_with_itself_stays_the_same(store: Store, url: str, open_store: OpenStore) -> None:
    store.add([draw("a"), draw("b")])
    before = store.info()
    assert store.merge(open_store(url, readonly=True)).samples == 0
    assert store.info().samples == before.samples


def test_a_merge_of_many_keys_leaves_none_out(store: Store, other: Store) -> None:
    draws = [draw(str(number), str(number), index) for number in range(500) for index in range(2)]
    other.add(draws)
    assert store.merge(other).samples == 1000
    assert store.info().requests == 500


def test_a_store_moves_from_sqlite_to_postgres_and_back(
    tmp_path: Path, new_postgres_url: NewUrl, open_store: OpenStore
) -> None:
    first, team, last = (
        open_store(url) for url in (str(tmp_path / "a.db"), new_postgres_url(), str(tmp_path / "b.db"))
    )
    first.add([draw("a", "\ud800 \0", latency_s=0.1 + 0.2, tool_calls=({"a": "日本"},))])
    _run(first, "r1", score("\ud800", reason="\0"))
    team.merge(first)
    last.merge(team)
    assert last.find([key_of("a")]) == first.find([key_of("a")])
    assert list(last.scores("r1")) == list(first.scores("r1"))
    assert first.merge(last).samples == 0
