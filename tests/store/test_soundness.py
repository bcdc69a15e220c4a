"""What is damaged or changed in a store is found, and said with what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.store import Store
from harness.store.schema.tables import samples
from tests.store.conftest import NewUrl, OpenStore
from tests.store.rows import draw, key_of


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


def test_a_text_that_was_written_by_hand_is_found_too(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "store.db")) as store:
        store.add([draw("a", "Lima")])
        with sqlite3.connect(tmp_path / "store.db") as connection:
            connection.execute("UPDATE steelyard_samples SET text = 'Cusco'")
        with pytest.raises(StoreError, match="is not what was stored"):
            store.find([key_of("a")])


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
