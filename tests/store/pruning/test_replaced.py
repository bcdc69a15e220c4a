"""Samples that a newer generation replaces are pruned, and no others."""

import pytest

from harness.store import PruneSummary, Store
from tests.store.drawn import DAY_S
from tests.store.rows import draw, key_of


@pytest.mark.service
def test_prune_of_what_is_replaced_keeps_what_no_newer_generation_has(filled: Store) -> None:
    assert filled.prune(replaced=True) == PruneSummary(2, 0, 0, 0, idle={"f0": 3})
    kept = {key_of("a"): [2], key_of("a", 1): [0, 1], key_of("a large", fingerprint="f1"): [0]}
    assert {key: list(found) for key, found in filled.find(kept).items()} == kept


def test_a_generation_without_samples_does_not_count_as_the_last(store: Store) -> None:
    store.generations("f0")
    store.add([draw("a")])
    assert store.generations("f0", fresh=True)[0] == 1
    assert store.prune(replaced=True).nothing
    store.add([draw("a", generation=1)])
    assert store.prune(replaced=True) == PruneSummary(1, 1, 0, 0, idle={"f0": 1})


def test_a_fresh_draw_of_a_part_replaces_that_part(store: Store) -> None:
    """Other questions, other samples, and the second time that a body asks the same thing are not replaced by it."""
    for generation in (0, 1, 2):
        store.generations("f0", fresh=generation > 0)
    store.add([draw(name, index=index, occurrence=time) for name in "ab" for index in (0, 1) for time in (0, 1)])
    store.add([draw("a", index=index, generation=1) for index in (0, 5)])
    store.add([draw("a", index=5, generation=2), draw("a", index=0, generation=2, fingerprint="f1")])
    expected = PruneSummary(2, 0, 0, 0, idle={"f0": 9})
    assert store.prune(replaced=True, dry_run=True) == store.prune(replaced=True) == expected
    kept = {key_of("a"): [1], key_of("a", 1): [0], key_of("a", 2): [5], key_of("a", occurrence=1): [0, 1]}
    assert {key: list(found) for key, found in store.find(kept).items()} == kept
    assert store.info().samples == 10


def test_replaced_samples_meet_the_other_conditions_too(filled: Store) -> None:
    assert filled.prune(replaced=True, fingerprints=["f1"]).nothing
    assert filled.prune(replaced=True, older_than_s=50 * DAY_S).nothing
    assert filled.prune(replaced=True, older_than_s=30 * DAY_S, fingerprints=["f0"]).idle == {"f0": 3}
