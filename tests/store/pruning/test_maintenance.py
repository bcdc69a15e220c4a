from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.records.review import Form, LabelChoice
from harness.review import Queue
from harness.review.batches.filling import add_run
from harness.review.batches.plans import ReviewPlan
from harness.store import PruneSummary, Store
from harness.store.schema.tables import SCHEMA_VERSION
from tests.review import runs as reviewed
from tests.store.conftest import NewUrl, OpenStore
from tests.store.rows import draw, key_of, score

FORM = Form("scale", "Faithful", choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(3, "right", 1.0)))
NOW = 1_800_000_000.0
DAY_S = 86400.0


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> "type[Clock]":
    monkeypatch.setattr("time.time", lambda: Clock.now)
    Clock.now = NOW
    return Clock


class Clock:
    """What time it is in the store."""

    now = NOW


@pytest.fixture
def filled(store: Store, at: type[Clock]) -> Store:
    """Two versions: "small" with an old and a new generation and an old run, "large" with one sample."""
    at.now = NOW - 40 * DAY_S
    store.generations("f0")
    store.add([draw("a", "old", index) for index in range(3)])
    store.begin_run("old", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add_scores("old", [score(index=index) for index in range(3)])
    store.finish_run("old", {"verdict": "passed"})
    at.now = NOW - DAY_S
    store.generations("f0", fresh=True)
    store.generations("f1")
    store.add([draw("a", "new", index, generation=1) for index in range(2)])
    store.add([draw("a large", fingerprint="f1")])
    spec = {"candidate": {"name": "large", "fingerprint": "f1"}, "baseline": {"name": "small", "fingerprint": "f0"}}
    store.begin_run("new", "2026", spec)
    store.add_scores("new", [score()])
    at.now = NOW
    return store


def test_info_of_an_empty_store_is_zeros(store: Store) -> None:
    info = store.info()
    assert (info.samples, info.requests, info.runs, info.scores, info.oldest, info.newest) == (0, 0, 0, 0, None, None)
    assert info.versions == ()
    assert info.size_bytes > 0
    assert info.schema_version == SCHEMA_VERSION


def test_info_counts_what_each_version_has(filled: Store) -> None:
    info = filled.info()
    assert (info.samples, info.requests, info.runs, info.scores) == (6, 3, 2, 4)
    assert (info.oldest, info.newest) == (NOW - 40 * DAY_S, NOW - DAY_S)
    small, large = info.versions
    assert (small.fingerprint, small.names, small.generations, small.samples) == ("f0", ("small",), 2, 5)
    assert (large.fingerprint, large.names, large.generations, large.samples) == ("f1", ("large",), 1, 1)
    assert (small.oldest, small.newest, small.requests, small.apart) == (NOW - 40 * DAY_S, NOW - DAY_S, 2, 0)


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


def test_prune_by_version_keeps_runs(filled: Store) -> None:
    assert filled.prune(fingerprints=["f1"]) == PruneSummary(1, 1, 0, 0)
    assert filled.info().samples == 5
    assert filled.prune(fingerprints=[]).nothing


def test_prune_of_what_is_replaced_keeps_what_no_newer_generation_has(filled: Store) -> None:
    assert filled.prune(replaced=True) == PruneSummary(2, 0, 0, 0)
    kept = {key_of("a"): [2], key_of("a", 1): [0, 1], key_of("a large", fingerprint="f1"): [0]}
    assert {key: list(found) for key, found in filled.find(kept).items()} == kept


def test_a_generation_without_samples_does_not_count_as_the_last(store: Store) -> None:
    store.generations("f0")
    store.add([draw("a")])
    assert store.generations("f0", fresh=True)[0] == 1
    assert store.prune(replaced=True).nothing
    store.add([draw("a", generation=1)])
    assert store.prune(replaced=True) == PruneSummary(1, 1, 0, 0)


def test_a_fresh_draw_of_a_part_replaces_that_part(store: Store) -> None:
    """Other questions, other samples, and the second time that a body asks the same thing are not replaced by it."""
    for generation in (0, 1, 2):
        store.generations("f0", fresh=generation > 0)
    store.add([draw(name, index=index, occurrence=time) for name in "ab" for index in (0, 1) for time in (0, 1)])
    store.add([draw("a", index=index, generation=1) for index in (0, 5)])
    store.add([draw("a", index=5, generation=2), draw("a", index=0, generation=2, fingerprint="f1")])
    assert store.prune(replaced=True, dry_run=True) == store.prune(replaced=True) == PruneSummary(2, 0, 0, 0)
    kept = {key_of("a"): [1], key_of("a", 1): [0], key_of("a", 2): [5], key_of("a", occurrence=1): [0, 1]}
    assert {key: list(found) for key, found in store.find(kept).items()} == kept
    assert store.info().samples == 10


def test_replaced_samples_meet_the_other_conditions_too(filled: Store) -> None:
    assert filled.prune(replaced=True, fingerprints=["f1"]).nothing
    assert filled.prune(replaced=True, older_than_s=50 * DAY_S).nothing
    assert filled.prune(replaced=True, older_than_s=30 * DAY_S, fingerprints=["f0"]) == PruneSummary(2, 0, 0, 0)


def test_samples_meet_every_condition_to_be_pruned(filled: Store) -> None:
    assert filled.prune(older_than_s=30 * DAY_S, fingerprints=["f1"]).nothing
    assert filled.prune(older_than_s=30 * DAY_S, fingerprints=["f0"]) == PruneSummary(3, 1, 0, 0)


def test_a_generation_that_was_pruned_does_not_come_back(filled: Store) -> None:
    filled.prune(older_than_s=0)
    assert filled.generations("f0")[0] == 1
    assert filled.generations("f0", fresh=True)[0] == 2


def test_a_dry_run_says_what_would_go_and_removes_nothing(filled: Store) -> None:
    before = filled.info()
    assert filled.prune(older_than_s=30 * DAY_S, dry_run=True) == PruneSummary(3, 1, 1, 3)
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
    assert store.generations("f0", max_age_s=50, now=151.0)[0] == 1, "the age counts from the older beginning"


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


@pytest.mark.postgres
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


def test_a_prune_counts_the_items_whose_answers_or_run_go_and_that_wait(store: Store, at: type[Clock]) -> None:
    run = reviewed.add_run(store)
    batch = add_run(store, run, ReviewPlan(reviewed.EVALUATION, "score", FORM, draws=5)).batch
    assert store.prune(fingerprints=["f1"], dry_run=True).waiting == 0
    assert store.prune(fingerprints=["f0"], dry_run=True).waiting == 5
    queue = Queue(store)
    queue.add_reviewer("ann")
    view = queue.next("ann")
    assert view is not None
    queue.label("ann", view.lease_id, 3, key="k")
    at.now = NOW + 2 * DAY_S
    assert store.prune(older_than_s=DAY_S, dry_run=True).waiting == 4
    queue.close(batch.id, "enough")
    assert store.prune(older_than_s=DAY_S, dry_run=True).waiting == 0
    queue.reopen(batch.id)
    assert store.prune(fingerprints=["f0"]).waiting == 4
    assert store.prune(older_than_s=DAY_S).waiting == 4  # now their run goes
    assert store.prune(older_than_s=0.0).waiting == 0
