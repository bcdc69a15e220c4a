"""What a store holds is counted, and what nobody needs is removed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.store import PruneSummary, Store
from harness.store.database import schema_version
from harness.store.ledger import LookRow
from tests.store.drawn import DAY_S, NOW, Clock
from tests.store.rows import draw, key_of


def test_info_of_an_empty_store_is_zeros(store: Store) -> None:
    info = store.info()
    assert (info.samples, info.requests, info.runs, info.scores, info.oldest, info.newest) == (0, 0, 0, 0, None, None)
    assert info.versions == ()
    assert info.size_bytes > 0
    assert info.schema_version == schema_version()


def test_info_counts_what_each_version_has(filled: Store) -> None:
    info = filled.info()
    assert (info.samples, info.requests, info.runs, info.scores) == (6, 3, 2, 4)
    assert (info.oldest, info.newest) == (NOW - 40 * DAY_S, NOW - DAY_S)
    small, large = info.versions
    assert (small.fingerprint, small.names, small.generations, small.samples) == ("f0", ("small",), 2, 5)
    assert (large.fingerprint, large.names, large.generations, large.samples) == ("f1", ("large",), 1, 1)
    assert (small.oldest, small.newest, small.requests) == (NOW - 40 * DAY_S, NOW - DAY_S, 2)


@pytest.mark.service
def test_a_version_that_nothing_was_drawn_of_is_not_listed(store: Store) -> None:
    store.generations("f0")
    store.generations("f1")
    store.add([draw("a", fingerprint="f1")])
    assert [version.fingerprint for version in store.info().versions] == ["f1"]


def test_judges_of_a_run_give_versions_their_names(store: Store) -> None:
    store.add([draw("rated", fingerprint="f2")])
    judges = [{"name": "strict", "fingerprint": "f2"}, {"name": "mild", "fingerprint": "f3"}]
    store.begin_run("r1", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}, "judges": judges})
    assert [(version.fingerprint, version.names) for version in store.info().versions] == [("f2", ("strict",))]


@pytest.mark.service
def test_prune_by_age_removes_old_samples_and_old_runs(filled: Store) -> None:
    gone = filled.prune(older_than_s=30 * DAY_S)
    assert (gone.samples, gone.requests, gone.runs, gone.scores) == (3, 1, 1, 3)
    assert key_of("a") not in filled.find([key_of("a")])
    assert filled.request(key_of("a")) is None
    assert [run.run_id for run in filled.runs()] == ["new"]
    assert filled.report("old") is None
    assert list(filled.scores("old")) == []
    assert len(list(filled.scores("new"))) == 1
    assert filled.prune(older_than_s=30 * DAY_S).nothing


def test_prune_by_age_keeps_the_younger_samples_of_a_key_and_its_request(filled: Store) -> None:
    filled.add([draw("a", "added later", 9)])
    assert filled.prune(older_than_s=30 * DAY_S).requests == 0
    assert list(filled.find([key_of("a")])[key_of("a")]) == [9]
    assert filled.request(key_of("a")) is not None


@pytest.mark.service
def test_prune_by_version_keeps_runs(filled: Store) -> None:
    assert filled.prune(fingerprints=["f1"]) == PruneSummary(1, 1, 0, 0)
    assert filled.info().samples == 5
    assert filled.prune(fingerprints=[]).nothing


@pytest.mark.service
def test_prune_by_version_alone_asks_no_clock(filled: Store, at: type[Clock]) -> None:
    at.now = NOW - 50 * DAY_S
    assert filled.prune(fingerprints=["f1"]) == PruneSummary(1, 1, 0, 0)


@pytest.mark.service
def test_samples_meet_every_condition_to_be_pruned(filled: Store) -> None:
    assert filled.prune(older_than_s=30 * DAY_S, fingerprints=["f1"]).nothing
    assert filled.prune(older_than_s=30 * DAY_S, fingerprints=["f0"]) == PruneSummary(3, 1, 0, 0)


@pytest.mark.service
def test_a_generation_that_was_pruned_does_not_come_back(filled: Store) -> None:
    filled.prune(older_than_s=0)
    assert filled.generations("f0")[0] == 1
    assert filled.generations("f0", fresh=True)[0] == 2


def test_a_dry_run_says_what_would_go_and_removes_nothing(filled: Store) -> None:
    before = filled.info()
    assert filled.prunable(older_than_s=30 * DAY_S) == PruneSummary(3, 1, 1, 3)
    assert filled.info() == before


def test_prune_wants_a_condition(store: Store) -> None:
    with pytest.raises(StoreError, match="Nothing says what to prune"):
        store.prune()


def test_prune_gives_space_back(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.open(str(path)) as store:
        store.add([draw(f"{number}", "x" * 10_000) for number in range(300)])
        before = store.info().size_bytes
        gone = store.prune(fingerprints=["f0"])
        assert gone.freed_bytes > 2_500_000
        assert store.info().size_bytes == before - gone.freed_bytes
    assert path.stat().st_size < 200_000


def test_a_prune_is_noted_of_the_looks_that_rest_on_what_goes(store: Store) -> None:
    store.add([draw("a"), draw("a", fingerprint="f1"), draw("a", fingerprint="judge"), draw("a", fingerprint="f2")])
    rows = [
        LookRow("f0", "", "t", 1, 0.9, 1, 1, "r", question='{"draws": {"candidate": [0], "judge": [0]}}'),
        LookRow("f1", "f0", "t", 1, 0.9, 1, 1, "r", question='{"draws": {"candidate": [0]}}'),
        LookRow("f1", "", "t", 0, 0.9, 1, 1, "r"),
    ]
    for row in rows:
        store.looks.settle(row.candidate, lambda _, row=row: [row])  # type: ignore[misc]
    assert store.prune(fingerprints=["f2"]).looks == 0
    assert store.prunable(fingerprints=["judge"]).looks == 1
    assert store.looks.of_candidate("f0") == rows[:1]
    assert store.prune(fingerprints=["judge"]).looks == 1
    assert store.prune(fingerprints=["f0"]).looks == 1, "the other was noted"
    assert [row.pruned for name in ("f0", "f1") for row in store.looks.of_candidate(name)] == [True, False, True]


def test_a_store_of_any_number_of_versions_is_pruned(store: Store) -> None:
    """As an application has one for each commit."""
    store.add([draw("a", fingerprint=f"f{number}") for number in range(1_500)])
    assert store.prunable(older_than_s=-1).samples == 1_500


def test_a_prune_waits_for_a_gate_that_begins_draws_and_locks_it_not_out(url: str) -> None:
    with Store.open(url) as gate, Store.open(url) as other, ThreadPoolExecutor(1) as pool:
        gate.add([draw("q", fingerprint="c")])
        pruning = []

        def settle(_: Sequence[LookRow]) -> list[LookRow]:
            pruning.append(pool.submit(other.prune, fingerprints={"c"}))
            wait(pruning, timeout=0.3)  # by when it has the locks that it can have
            gate.generations("c", fresh=True)
            return []

        gate.looks.settle("c", settle)
        assert pruning[0].result().samples == 1
