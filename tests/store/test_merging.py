"""What another store has is brought in, once, and what is here stays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from harness.store import PruneSummary, Store
from harness.store.database import Database
from tests.store.conftest import NewUrl, OpenStore
from tests.store.rows import draw, key_of, score

pytestmark = pytest.mark.service


@pytest.fixture
def other(new_url: NewUrl, open_store: OpenStore) -> Store:
    return open_store(new_url())


def _texts(store: Store, key: bytes) -> dict[int, str]:
    return {index: sample.text for index, sample in store.find([key]).get(key, {}).items()}


def test_merge_brings_samples_requests_runs_scores_and_reports(store: Store, other: Store) -> None:
    other.generations("f0", now=5.0)
    other.add([draw("a", "\ud800 \0", 0, reasoning="because"), draw("b", "B")])
    other.begin_run("r1", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
    other.add_scores("r1", [score(sample_key=key_of("a")), score("chad", reason="near")])
    other.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    merged = store.merge(other)
    assert (merged.samples, merged.apart, merged.requests, merged.runs, merged.scores) == (2, 0, 2, 1, 2)
    keys = [key_of("a"), key_of("b")]
    assert store.find(keys) == other.find(keys)
    assert store.request(keys[0]) == other.request(keys[0])
    assert store.runs() == other.runs()
    assert store.report("r1") == other.report("r1")
    assert list(store.scores("r1")) == list(other.scores("r1"))
    assert store.info().versions == other.info().versions


def test_merging_again_brings_in_only_what_is_new(store: Store, other: Store) -> None:
    store.add([draw("a", "ours")])
    other.add([draw("a", "theirs"), draw("b", "B", 0)])
    other.begin_run("r1", "2026", {})
    other.add_scores("r1", [score()])
    store.merge(other)
    assert store.merge(other).samples == 0
    other.add([draw("b", "B", 1)])
    other.add_scores("r1", [score("chad")])
    other.finish_run("r1", {})
    merged = store.merge(other)
    assert (merged.samples, merged.apart, merged.runs, merged.scores) == (1, 0, 0, 1)
    assert len(list(store.scores("r1"))) == 2
    assert store.runs()[0].finished


def test_stores_that_never_began_anew_share_their_samples(store: Store, other: Store) -> None:
    store.generations("f0", now=200.0)
    other.generations("f0", now=100.0)
    store.add([draw("a", "ours", 0)])
    other.add([draw("a", "theirs", 1), draw("b", "theirs")])
    assert store.merge(other).apart == 0
    assert _texts(store, key_of("a")) == {0: "ours", 1: "theirs"}


def test_a_sample_that_both_drew_stays_ours_and_their_run_still_finds_theirs(store: Store, other: Store) -> None:
    store.add([draw("a", "ours", 0), draw("a", "ours", 1)])
    other.add([draw("a", "theirs", 1), draw("a", "theirs", 2)])
    other.add_scores("r1", [score(index=1, sample_key=key_of("a"))])
    other.begin_run("r1", "2026", {})
    merged = store.merge(other)
    assert (merged.samples, merged.apart) == (2, 2)
    assert _texts(store, key_of("a")) == {0: "ours", 1: "ours"}
    (row,) = store.scores("r1")
    assert row.sample_key is not None
    assert _texts(store, row.sample_key) == {1: "theirs", 2: "theirs"}
    assert store.request(row.sample_key) == other.request(key_of("a"))
    assert store.info().versions[0].apart == 2


def test_generations_begun_in_both_stores_stay_apart(store: Store, other: Store) -> None:
    for each in (store, other):
        each.generations("f0")
        each.generations("f0", fresh=True)
    other.add([draw("a", "theirs", generation=1), draw("a", "theirs", generation=0)])
    merged = store.merge(other)
    assert (merged.samples, merged.apart) == (2, 1)
    assert _texts(store, key_of("a", 1)) == {}
    assert _texts(store, key_of("a", 0)) == {0: "theirs"}
    assert store.generations("f0")[0] == 0  # the empty generation 1 hides no samples


class Growing(Database):
    """A store that a gate goes on with after so many readings."""

    def __init__(self, store: Store, n_readings: int, go_on: Callable[[], object]) -> None:
        own = store._database
        super().__init__(own.engine, own.url, readonly=True)
        self._left = n_readings
        self._go_on = go_on

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with super().read() as connection:
            yield connection
        self._left -= 1
        if self._left == 0:
            self._go_on()


@pytest.mark.parametrize("n_readings", range(1, 10))
def test_draws_of_a_generation_that_begins_during_a_merge_stay_apart(
    tmp_path: Path, open_store: OpenStore, n_readings: int
) -> None:
    """A gate runs with --fresh there: its draws are not those of the generation that has this number here."""
    store, other = (open_store(str(tmp_path / name)) for name in ("ours.db", "theirs.db"))
    for each in (store, other):
        each.generations("f0")
    store.generations("f0", fresh=True)
    store.add([draw("a", "ours", 0, generation=1)])
    other.add([draw("a", "theirs")])

    def go_on() -> None:
        other.generations("f0", fresh=True)
        other.add([draw("a", "theirs", 1, generation=1), draw("b", "theirs", generation=1)])

    store.merge(Store(Growing(other, n_readings, go_on)))
    assert _texts(store, key_of("a", 1)) == {0: "ours"}
    assert _texts(store, key_of("b", 1)) == {}
    store.merge(other)
    assert _texts(store, key_of("a", 1)) == {0: "ours"}
    assert _texts(store, key_of("b", 1)) == {}


@pytest.mark.parametrize("n_readings", range(1, 10))
def test_a_run_that_ends_during_a_merge_loses_nothing(tmp_path: Path, open_store: OpenStore, n_readings: int) -> None:
    store, other = (open_store(str(tmp_path / name)) for name in ("ours.db", "theirs.db"))
    other.begin_run("r1", "2026", {})
    other.add_scores("r1", [score()])

    def end() -> None:
        other.add_scores("r1", [score("chad")])
        other.finish_run("r1", {})

    store.merge(Store(Growing(other, n_readings, end)))
    store.merge(other)
    assert len(list(store.scores("r1"))) == 2
    assert store.runs()[0].finished


@pytest.mark.parametrize("n_readings", range(1, 10))
@pytest.mark.parametrize("fresh", [True, False])
def test_a_score_of_a_run_that_goes_on_during_a_merge_is_of_its_own_sample(
    tmp_path: Path, open_store: OpenStore, n_readings: int, fresh: bool
) -> None:
    """Both stores have drawn the same: theirs stays apart, and the score of theirs with it."""
    store, other = (open_store(str(tmp_path / name)) for name in ("ours.db", "theirs.db"))
    for each in (store, other):
        each.generations("f0")
    generation = int(fresh)
    if fresh:
        store.generations("f0", fresh=True)
    store.add([draw("a", "ours", generation=generation)])
    other.add([draw("b", "theirs")])
    other.begin_run("r1", "2026", {})

    def go_on() -> None:
        if fresh:
            other.generations("f0", fresh=True)
        other.add([draw("a", "theirs", generation=generation)])
        other.begin_run("r2", "2026", {})
        for run in ("r1", "r2"):
            other.add_scores(run, [score(sample_key=key_of("a", generation))])
            other.finish_run(run, {})

    store.merge(Store(Growing(other, n_readings, go_on)))
    store.merge(other)
    for run in ("r1", "r2"):
        (found,) = store.scores(run)
        assert found.sample_key is not None
        assert _texts(store, found.sample_key) == {0: "theirs"}


def test_what_follows_a_generation_that_stays_apart_stays_apart(store: Store, other: Store) -> None:
    for each in (store, other):
        each.generations("f0")
        each.generations("f0", fresh=True)
    other.generations("f0", fresh=True)
    other.add([draw("a", "theirs", generation=2)])
    assert store.merge(other).apart == 1
    assert store.generations("f0")[0] == 1
    store.generations("f0", fresh=True)
    assert _texts(store, key_of("a", 2)) == {}


def test_a_generation_that_goes_on_from_ours_is_taken_over(store: Store, other: Store) -> None:
    store.generations("f0")
    other.generations("f0")
    other.generations("f0", fresh=True)
    other.add([draw("a", "theirs", generation=1)])
    assert store.merge(other).apart == 0
    assert store.generations("f0")[0] == 1
    assert _texts(store, key_of("a", 1)) == {0: "theirs"}


def test_a_generation_taken_over_is_the_same_from_then_on(store: Store, other: Store) -> None:
    other.generations("f0")
    other.generations("f0", fresh=True)
    store.merge(other)
    store.add([draw("b", "ours", generation=1)])
    other.add([draw("a", "theirs", generation=1)])
    assert store.merge(other).apart == 0
    assert other.merge(store).apart == 0
    keys = [key_of("a", 1), key_of("b", 1)]
    assert store.find(keys) == other.find(keys)


def test_samples_that_stay_apart_go_when_old_generations_are_pruned(store: Store, other: Store) -> None:
    store.generations("f0")
    store.add([draw("a", "ours")])
    other.add([draw("a", "theirs")])
    store.merge(other)
    assert store.prune(replaced=True) == PruneSummary(1, 1, 0, 0)
    assert _texts(store, key_of("a")) == {0: "ours"}


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
    first.begin_run("r1", "2026", {})
    first.add_scores("r1", [score("\ud800", reason="\0")])
    team.merge(first)
    last.merge(team)
    assert last.find([key_of("a")]) == first.find([key_of("a")])
    assert list(last.scores("r1")) == list(first.scores("r1"))
    assert first.merge(last).samples == 0
