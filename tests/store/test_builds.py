"""What recipes gave is kept, and comes along when stores are merged."""

from __future__ import annotations

import pytest

from harness.store import Store
from harness.store.schema import tables

BUILDS = {("distilled", "aa"): "c1", ("adapter", "aa"): "c2"}


def test_what_a_recipe_gave_is_kept_and_what_it_gave_last_counts(url: str) -> None:
    with Store.open(url) as store:
        assert store.builds.contents() == {}
        for _ in range(2):
            store.builds.add(BUILDS)
        assert store.builds.contents() == BUILDS
        store.builds.add({("distilled", "aa"): "c3"})
        assert store.builds.contents() == {**BUILDS, ("distilled", "aa"): "c3"}
    with Store.open(url, readonly=True) as store:
        assert store.builds.contents()["distilled", "aa"] == "c3"


@pytest.mark.service
def test_a_merge_brings_builds_and_keeps_those_that_are_known(url: str, new_url, open_store) -> None:
    with Store.open(url) as store, open_store(new_url()) as other:
        store.builds.add({("distilled", "aa"): "own"})
        other.builds.add({**BUILDS, ("corpus", "bb"): "c4 3"})
        store.merge(other)
        assert store.builds.contents() == {**BUILDS, ("distilled", "aa"): "own", ("corpus", "bb"): "c4 3"}


def test_a_store_of_schema_version_8_has_none_and_gets_the_table(url: str) -> None:
    with Store.open(url) as store, store._database.write() as connection:
        connection.exec_driver_sql("DROP TABLE steelyard_builds")
        connection.exec_driver_sql("UPDATE steelyard_meta SET value = '8' WHERE name = 'schema_version'")
    with Store.open(url, readonly=True) as store:
        assert (store.info().schema_version, store.builds.contents()) == (8, {})
    with Store.open(url) as store:
        assert store.info().schema_version == tables.SCHEMA_VERSION
        store.builds.add(BUILDS)
        assert store.builds.contents() == BUILDS
