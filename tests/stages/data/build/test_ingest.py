"""A source becomes shards that depend on ids and size alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import datasets
import pyarrow
import pytest
from pyarrow import parquet

from harness.errors import CorpusError
from harness.stages.data.build.ingest import SHARD_BYTES, count_shards, ingest
from harness.stages.data.recipe import Recipe
from harness.stages.data.sources import open_source
from harness.stages.data.steps.step import place_of, shard_of
from tests.stages.data.projects import some_rows, write_lines


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def recipe_of(root: Path) -> Recipe:
    return Recipe("d.jsonl", open_source("d.jsonl", root).fingerprint(), ())


def test_shards_are_few_for_a_small_source_and_bounded_in_size_for_a_large_one() -> None:
    assert [count_shards(n) for n in (0, 1, 500_000, 1_000_000, 100_000_000)] == [1, 1, 1, 2, 8]
    assert count_shards(40 * SHARD_BYTES) == 40


def test_each_document_is_in_its_shard_and_in_the_one_order(tmp_path: Path) -> None:
    rows = some_rows(3000)
    for row in rows:
        row["text"] += " more" * 100
    write_lines(tmp_path / "d.jsonl", rows)
    counted: list[int] = []
    shards, n_documents = ingest(recipe_of(tmp_path), tmp_path, tmp_path / "work", counted.append)
    read = [[document.id for document in shards.read(shard)] for shard in range(shards.n_shards)]
    assert shards.n_shards == 4
    assert n_documents == sum(map(len, read)) == 3000
    assert counted == [1000, 2000, 3000, 3000]
    everything = [name for names in read for name in names]
    assert everything == sorted((row["id"] for row in rows), key=place_of)
    assert all(shard_of(name, 4) == shard for shard, names in enumerate(read) for name in names)


def test_a_dataset_of_the_library_is_read_into_as_many_shards_as_its_size_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counted as one of no size, and all of it was sorted in memory."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.chdir(tmp_path)
    for split, n in (("train", 1500), ("test", 500)):
        write_lines(tmp_path / "owner" / "name" / f"{split}.jsonl", [{"text": f"{i} " * 200} for i in range(n)])
    root = tmp_path / "project"
    for source, n_shards, n_documents in (("owner/name", 4, 2000), ("owner/name:test", 1, 500)):
        recipe = Recipe(source, open_source(source, root).fingerprint(), ())
        shards, number = ingest(recipe, root, tmp_path / f"work{n_shards}", lambda _: None)
        assert (shards.n_shards, number) == (n_shards, n_documents)
        assert sum(1 for shard in range(n_shards) for _ in shards.read(shard)) == n_documents


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(5))
    recipe = recipe_of(tmp_path)
    ingest(recipe, tmp_path, tmp_path / "work", lambda _: None)
    write_lines(tmp_path / "d.jsonl", [{"text": "x" * 2_000_000}])  # more shards, were it read
    assert ingest(recipe, tmp_path, tmp_path / "work", lambda _: None)[1] == 5


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(5))
    recipe = recipe_of(tmp_path)

    def grow(_: int) -> None:
        write_lines(tmp_path / "d.jsonl", some_rows(6))

    with pytest.raises(CorpusError, match=r"'d\.jsonl' changed while it was read; build again"):
        ingest(recipe, tmp_path, tmp_path / "work", grow)


def test_metadata_that_json_can_not_hold_becomes_what_it_can(tmp_path: Path) -> None:
    made = datetime(2026, 1, 2, tzinfo=UTC)
    table = pyarrow.table({"id": ["a"], "text": ["t"], "made": [made], "raw": [b"\x00"], "n": [float("nan")]})
    parquet.write_table(table, tmp_path / "d.parquet")
    recipe = Recipe("d.parquet", open_source("d.parquet", tmp_path).fingerprint(), ())
    (document,) = ingest(recipe, tmp_path, tmp_path / "work", lambda _: None)[0].read(0)
    assert document.metadata == {"made": "2026-01-02T00:00:00+00:00", "raw": "b'\\x00'", "n": None}
