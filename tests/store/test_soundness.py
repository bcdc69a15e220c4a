"""What is damaged or changed in a store is found, and said with what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

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


def test_a_sample_whose_digest_was_removed_is_found(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    store.add([draw("a"), draw("b")])
    with store._database.write() as connection:
        connection.execute(samples.update().where(*_places(key_of("a"))).values(digest=None))
    assert store.find([key_of("b")])
    with pytest.raises(StoreError, match=r"has no digest: somebody removed it.*draw anew with --fresh"):
        store.find([key_of("a")])
    with pytest.raises(StoreError, match="has no digest"):
        open_store(new_url()).merge(store)


def test_samples_that_a_merge_keeps_apart_have_the_digest_of_their_new_key(
    new_url: NewUrl, open_store: OpenStore
) -> None:
    ours, theirs = (open_store(new_url()) for _ in range(2))
    ours.add([draw("a", "Lima")])
    theirs.add([draw("a", "Cusco")])
    assert ours.merge(theirs).apart == 1
    with ours._database.read() as connection:
        keys = list(connection.execute(select(samples.c.key)).scalars())
    assert sorted(found[0].text for found in ours.find(keys).values()) == ["Cusco", "Lima"]


def test_a_text_that_was_written_by_hand_is_found_too(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "store.db")) as store:
        store.add([draw("a", "Lima")])
        with sqlite3.connect(tmp_path / "store.db") as connection:
            connection.execute("UPDATE steelyard_samples SET text = 'Cusco'")
        with pytest.raises(StoreError, match="is not what was stored"):
            store.find([key_of("a")])


@pytest.mark.service
def test_merging_keeps_digests_and_brings_no_changed_sample_in(new_url: NewUrl, open_store: OpenStore) -> None:
    ours, theirs, changed = (open_store(new_url()) for _ in range(3))
    for each, text in ((ours, "Lima"), (theirs, "Cusco"), (changed, "Lima")):
        each.generations("f0")
        each.add([draw("a", text), draw(text)])
    assert ours.merge(theirs).samples > 0
    with ours._database.read() as connection:
        rows = connection.exec_driver_sql("SELECT digest, text FROM steelyard_samples").all()
    assert len(rows) == 4
    assert all(digest is not None for digest, _ in rows)
    with changed._database.write() as connection:
        connection.exec_driver_sql("UPDATE steelyard_samples SET prompt_tokens = 999")
    with pytest.raises(StoreError, match="is not what was stored"):
        ours.merge(changed)


def _with_samples(path: Path, n: int) -> None:
    with Store.open(str(path)) as store:
        store.add([draw(f"question {number}", "answer " * 50) for number in range(n)])


def test_a_page_of_rubbish_is_found_beside_the_run(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    _with_samples(path, 2_000)
    with Store.open(str(path)) as store:
        assert store.soundness().problem(10.0) is None
    with path.open("r+b") as file:
        file.seek(100 * 4096)
        file.write(b"\xff" * 4096 * 20)
    with Store.open(str(path)) as store:
        problem = store.soundness().problem(10.0)
    assert problem is not None
    assert "is damaged" in problem
    assert "Put a copy of it in its place" in problem
