"""Reads a source into shards: which document goes where depends on its id alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.errors import CorpusError
from harness.stages.data.recipe import Recipe
from harness.stages.data.sources import Placed, open_source
from harness.stages.data.steps.step import Row, ShardedCorpus, packed, place_of, shard_of

SHARD_BYTES = 32_000_000
"""About how much of a source goes into a shard, which may have to lie in memory once."""
_SMALL_SHARD_BYTES = 500_000
_SMALL_SHARDS = 8
"""A small source has so many shards at most: enough to keep some workers busy."""
_BUFFER_BYTES = 16_000_000
_REPORTED_EVERY = 1000


def ingest(recipe: Recipe, root: Path, work: Path, tell: Callable[[int], None]) -> tuple[ShardedCorpus, int]:
    """Read a source into shards under `work`, unless that was done before; return these, and the number of documents.

    `tell` is called with the number of documents read so far.
    """
    done, folder, unsorted = work / "ingested", work / "source", work / "unsorted"
    if done.exists():
        return ShardedCorpus(folder, len(list(folder.glob("*.jsonl")))), int(done.read_text())
    source = open_source(recipe.source, root)
    shards = ShardedCorpus(folder, count_shards(source.size_bytes()))
    shutil.rmtree(unsorted, ignore_errors=True)
    unsorted.mkdir(parents=True)
    n_documents = _scatter(source.documents(), unsorted, shards.n_shards, tell)
    if n_documents == 0:
        raise CorpusError(f"documents = {recipe.source!r} holds no documents; a corpus needs one at least.")
    if source.fingerprint() != recipe.content:
        raise CorpusError(f"documents = {recipe.source!r} changed while it was read; build again once it is whole.")
    for shard in range(shards.n_shards):
        shards.write(shard, _sorted(unsorted / f"{shard}"))
    shutil.rmtree(unsorted)
    done.write_text(str(n_documents))
    return shards, n_documents


def count_shards(n_bytes: int) -> int:
    """The number of shards that a source of so many bytes is read into."""
    small = min(_SMALL_SHARDS, -(-n_bytes // _SMALL_SHARD_BYTES))
    return max(1, small, -(-n_bytes // SHARD_BYTES))


def _scatter(documents: Iterable[Placed], folder: Path, n_shards: int, tell: Callable[[int], None]) -> int:
    """Append each document to its shard's file; a bounded part of them is in memory, and no file stays open."""
    waiting: dict[int, list[bytes]] = {shard: [] for shard in range(n_shards)}
    size = number = 0

    def flush() -> None:
        for shard, lines in waiting.items():
            with (folder / f"{shard}").open("ab") as file:
                file.writelines(lines)
            lines.clear()

    for number, (place, document) in enumerate(documents, 1):
        row = {"id": document.id, "text": document.text, "metadata": document.metadata, "place": place}
        try:
            line = packed(row)
        except (TypeError, ValueError) as error:
            raise CorpusError(
                f"{place}: document {document.id!r} can't be kept as JSON: {error}. Repair its text or metadata."
            ) from None
        waiting[shard_of(document.id, n_shards)].append(line)
        size += len(line)
        if size >= _BUFFER_BYTES:
            flush()
            size = 0
        if number % _REPORTED_EVERY == 0:
            tell(number)
    flush()
    tell(number)
    return number


def _sorted(path: Path) -> Iterator[Row]:
    """The documents of a shard in their order; two of one id are refused."""
    import orjson

    with path.open("rb") as file:
        rows = sorted(map(orjson.loads, file), key=lambda row: place_of(row["id"]))
    before = None
    for row in rows:
        place = row.pop("place")
        if before is not None and row["id"] == before[0]:
            first, second = sorted([before[1], place])
            raise CorpusError(
                f"The id {row['id']!r} is there twice: {first}, and {second}. Ids are unique; change one, or leave the "
                "ids out to have documents named by where they stand."
            )
        yield row
        before = row["id"], place
