import pytest
from sqlalchemy import inspect, select

from harness.errors import StoreError
from harness.records import ScoringRule
from harness.records.review import Batch
from harness.review import Queue
from harness.store import Store
from harness.store.schema import review_tables, tables
from harness.store.schema.codec import sample_digest
from harness.store.schema.digests import FIELDS
from tests.review.conftest import SCALE, batch_of
from tests.store.rows import draw, key_of, score

pytestmark = pytest.mark.service

JUDGED = ScoringRule(("a1", "b2"), "c3")


@pytest.fixture
def version_2_url(url: str) -> str:
    """A store as schema version 2 was, before there was a review queue, with a score in it."""
    with Store.open(url) as store:
        store.begin_run("r1", "2026", {})
        store.add_scores("r1", [score(judged_by=JUDGED)])
        with store._database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE steelyard_scores DROP COLUMN disagreement")
            connection.exec_driver_sql("ALTER TABLE steelyard_samples DROP COLUMN digest")
            for table in (*review_tables.TABLES, review_tables.fronts):
                connection.exec_driver_sql(f"DROP TABLE {table.name}")
            connection.exec_driver_sql("UPDATE steelyard_meta SET value = '2' WHERE name = 'schema_version'")
    return url


@pytest.fixture
def old_url(url: str) -> str:
    """A store as schema version 1 was, with a sample and a score in it."""
    with Store.open(url) as store:
        store.add([draw("a")])
        store.begin_run("r1", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
        store.add_scores("r1", [score()])
        with store._database.write() as connection:
            for column in ("judged_by", "disagreement"):
                connection.exec_driver_sql(f"ALTER TABLE steelyard_scores DROP COLUMN {column}")
            connection.exec_driver_sql("ALTER TABLE steelyard_samples DROP COLUMN digest")
            for table in (*review_tables.TABLES, review_tables.fronts):
                connection.exec_driver_sql(f"DROP TABLE {table.name}")
            connection.exec_driver_sql("UPDATE steelyard_meta SET value = '1' WHERE name = 'schema_version'")
    return url


def test_a_store_of_an_older_schema_is_brought_up_to_date_and_keeps_what_it_holds(old_url: str) -> None:
    for _ in range(2):
        with Store.open(old_url) as store:
            assert store.info().schema_version == tables.SCHEMA_VERSION
            assert store.find([key_of("a")])[key_of("a")][0].text == "Lima"
            assert list(store.scores("r1")) == [score()]
    with Store.open(old_url) as store:
        store.add_scores("r1", [score("chad", judged_by=JUDGED, disagreement=0.25)])
        found = [(row.judged_by, row.disagreement) for row in store.scores("r1")]
        assert found == [(JUDGED, 0.25), (None, None)]


def test_a_store_of_an_older_schema_that_is_open_for_reading_is_read_as_it_is(old_url: str) -> None:
    with Store.open(old_url, readonly=True) as store:
        assert store.info().schema_version == 1
        assert list(store.scores("r1")) == [score()]
        (score_set,) = store.score_sets("r1")
        assert store.scores_of(score_set, ["peru"]) == [score()]
        assert store.judged_by([score_set]) == frozenset()


def test_a_store_of_an_older_schema_is_merged(old_url: str, new_url, open_store) -> None:
    target = open_store(new_url())
    assert target.merge(open_store(old_url, readonly=True)).scores == 1
    assert list(target.scores("r1")) == [score()]


def test_a_store_without_a_review_queue_gets_one_and_keeps_its_scores(version_2_url: str) -> None:
    for _ in range(2):
        with Store.open(version_2_url) as store:
            assert store.info().schema_version == tables.SCHEMA_VERSION
            assert list(store.scores("r1")) == [score(judged_by=JUDGED)]
            assert store.review.batches() == []
    with Store.open(version_2_url) as store, store._database.read() as connection:
        for table in (*review_tables.TABLES, review_tables.fronts):
            assert inspect(connection).get_columns(table.name)
            found = {each["name"] for each in inspect(connection).get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= found


def test_a_store_without_a_review_queue_that_is_open_for_reading_has_an_empty_one(version_2_url: str) -> None:
    with Store.open(version_2_url, readonly=True) as store:
        assert store.info().schema_version == 2
        assert store.review.batches() == []
        assert store.review.reviewers() == []


def test_a_queue_of_schema_version_3_goes_on(url: str) -> None:
    with Store.open(url) as store:
        Queue(store).add_reviewer("ann")
        store.review.add_batch(Batch("b1", 0.0, "e", SCALE), batch_of(2))
        with store._database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE steelyard_scores DROP COLUMN disagreement")
            connection.exec_driver_sql("ALTER TABLE steelyard_samples DROP COLUMN digest")
            connection.exec_driver_sql("DROP TABLE steelyard_review_fronts")
            connection.exec_driver_sql("UPDATE steelyard_meta SET value = '3' WHERE name = 'schema_version'")
    with Store.open(url, readonly=True) as store:
        assert [progress.n_open for progress in Queue(store).progress()] == [2]
    with Store.open(url) as store:
        view = Queue(store).next("ann")
        assert view is not None
        assert view.item_id == "b1-00000"


def test_scores_of_schema_version_4_stay_and_new_ones_hold_how_far_opinions_differ(url: str) -> None:
    with Store.open(url) as store:
        store.begin_run("r1", "2026", {})
        store.add_scores("r1", [score(judged_by=JUDGED)])
        Queue(store).add_reviewer("ann")
        store.review.add_batch(Batch("b1", 0.0, "e", SCALE), batch_of(2))
        with store._database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE steelyard_scores DROP COLUMN disagreement")
            connection.exec_driver_sql("ALTER TABLE steelyard_samples DROP COLUMN digest")
            connection.exec_driver_sql("UPDATE steelyard_meta SET value = '4' WHERE name = 'schema_version'")
    with Store.open(url, readonly=True) as store:
        assert list(store.scores("r1")) == [score(judged_by=JUDGED)]
        assert [progress.n_open for progress in Queue(store).progress()] == [2]
    for _ in range(2):
        with Store.open(url) as store:
            assert store.info().schema_version == tables.SCHEMA_VERSION
            assert [row.disagreement for row in store.scores("r1") if row.case_id == "peru"] == [None]
            store.add_scores("r1", [score("chad", judged_by=JUDGED, disagreement=0.25)])
    with Store.open(url, readonly=True) as store:
        (score_set,) = store.score_sets("r1")
        assert store.scores_of(score_set, ["chad"]) == [score("chad", judged_by=JUDGED, disagreement=0.25)]
        assert Queue(store).progress()[0].n_open == 2


@pytest.fixture
def version_6_url(url: str) -> str:
    """A store as schema version 6 was, whose samples had no digest, with one in it."""
    with Store.open(url) as store:
        store.add([draw("old")])
        with store._database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE steelyard_samples DROP COLUMN digest")
            connection.exec_driver_sql("UPDATE steelyard_meta SET value = '6' WHERE name = 'schema_version'")
    return url


def _digests(store: Store) -> dict[bytes, int | None]:
    with store._database.read() as connection:
        return {row.key: row.digest for row in connection.execute(select(tables.samples))}


def test_samples_of_schema_version_6_are_read_and_get_a_digest(version_6_url: str) -> None:
    with Store.open(version_6_url, readonly=True) as store:
        assert store.find([key_of("old")])[key_of("old")][0].text == "Lima"
    for _ in range(2):
        with Store.open(version_6_url) as store:
            assert store.info().schema_version == tables.SCHEMA_VERSION
            store.add([draw("new")])
            assert set(store.find([key_of("old"), key_of("new")])) == {key_of("old"), key_of("new")}
            assert None not in _digests(store).values()
    with Store.open(version_6_url) as store, store._database.write() as connection:
        connection.execute(tables.samples.update().where(tables.samples.c.key == key_of("old")).values(digest=None))
    with Store.open(version_6_url, readonly=True) as store, pytest.raises(StoreError, match="has no digest"):
        store.find([key_of("old")])


@pytest.fixture
def version_7_url(url: str) -> str:
    """A store as schema version 7 was, whose digests did not hold the key: one sample that was changed since, one
    that was older than digests, and more than the migration takes at a time.
    """
    with Store.open(url) as store:
        store.add([draw(f"question {number}", index=index) for number in range(900) for index in range(3)])
        store.add([draw("old"), draw("changed")])
        with store._database.write() as connection:
            for row in connection.execute(select(tables.samples)).all():
                digest = sample_digest([getattr(row, name) for name in FIELDS], b"")
                place = (tables.samples.c.key == row.key, tables.samples.c.sample_index == row.sample_index)
                connection.execute(tables.samples.update().where(*place).values(digest=digest))
            of_old, of_changed = (tables.samples.c.key == key_of(name) for name in ("old", "changed"))
            connection.execute(tables.samples.update().where(of_old).values(digest=None))
            connection.execute(tables.samples.update().where(of_changed).values(text="Cusco"))
            connection.exec_driver_sql("UPDATE steelyard_meta SET value = '7' WHERE name = 'schema_version'")
    return url


@pytest.mark.nightly
@pytest.mark.parametrize("readonly", [True, False])
def test_samples_of_schema_version_7_are_checked_as_they_are_and_after_the_migration(
    version_7_url: str, readonly: bool
) -> None:
    keys = [key_of(f"question {number}") for number in range(900)]
    with Store.open(version_7_url, readonly=readonly) as store:
        assert store.info().schema_version == (7 if readonly else tables.SCHEMA_VERSION)
        assert sum(map(len, store.find([*keys, key_of("old")]).values())) == 2_701
        with pytest.raises(StoreError, match="is not what was stored"):
            store.find([key_of("changed")])


def test_a_merge_brings_no_changed_sample_of_schema_version_7_in(version_7_url: str, new_url, open_store) -> None:
    with pytest.raises(StoreError, match="is not what was stored"):
        open_store(new_url()).merge(open_store(version_7_url, readonly=True))


def test_a_store_of_schema_version_6_is_merged_as_it_is(version_6_url: str, new_url, open_store) -> None:
    target = open_store(new_url())
    assert target.merge(open_store(version_6_url, readonly=True)).samples == 1
    assert target.find([key_of("old")])[key_of("old")][0].text == "Lima"
