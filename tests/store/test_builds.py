"""What recipes gave is kept, and comes along when stores are merged."""

from __future__ import annotations

import pytest

from harness.store import Store

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
