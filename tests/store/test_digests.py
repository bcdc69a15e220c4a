"""What is damaged or changed in a store is found, and said with what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from harness.errors import StoreError
from harness.store import Store
from harness.store.schema.tables import samples
from tests.store.conftest import NewUrl, OpenStore
from tests.store.rows import draw, key_of


@pytest.mark.service
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", b"Cusco"),
        ("finish_reason", b"length"),
        ("completion_tokens", 7),
        ("latency_s", 0.5),
        ("extra", '{"reasoning":"so"}'),
        ("sample_index", 3),
    ],
)
def test_a_sample_that_was_changed_is_found_when_it_is_read(store: Store, column: str, value: object) -> None:
    store.add([draw("a", "Lima", prompt_tokens=3, completion_tokens=2, latency_s=0.25), draw("b")])
    with store._database.write() as connection:
        of_a = samples.update().where(samples.c.key == key_of("a"))
        connection.execute(of_a.values({column: value.decode() if isinstance(value, bytes) else value}))
    assert store.find([key_of("b")])
    with pytest.raises(StoreError, match=r"is damaged: the sample \d of .* is not what was stored.*Put a copy"):
        store.find([key_of("a"), key_of("b")])


def _places(*keys: bytes) -> list[Any]:
    return [samples.c.key == key for key in keys]


def test_samples_that_were_swapped_with_their_digests_are_found(store: Store) -> None:
    store.add([draw("a", "Lima"), draw("b", "Quito"), draw("a", "Lima", index=1)])
    of_a, of_b, of_neither = _places(key_of("a"), key_of("b"), b"-" * 16)
    with store._database.write() as connection:
        for of_one, key in ((of_a, b"-" * 16), (of_b, key_of("a")), (of_neither, key_of("b"))):
            connection.execute(samples.update().where(of_one, samples.c.sample_index == 0).values(key=key))
    for name in ("a", "b"):
        with pytest.raises(StoreError, match="is not what was stored; somebody changed it or moved it"):
            store.find([key_of(name)])


def test_a_text_that_was_written_by_hand_is_found_too(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "store.db")) as store:
        store.add([draw("a", "Lima")])
        with sqlite3.connect(tmp_path / "store.db") as connection:
            connection.execute("UPDATE steelyard_samples SET text = 'Cusco'")
        with pytest.raises(StoreError, match="is not what was stored"):
            store.find([key_of("a")])


@pytest.mark.service
def test_a_merge_brings_no_changed_sample_in(new_url: NewUrl, open_store: OpenStore) -> None:
    ours, changed = (open_store(new_url()) for _ in range(2))
    changed.add([draw("a", "Lima")])
    with changed._database.write() as connection:
        connection.exec_driver_sql("UPDATE steelyard_samples SET prompt_tokens = 999")
    with pytest.raises(StoreError, match="is not what was stored"):
        ours.merge(changed)
    assert ours.info().samples == 0
