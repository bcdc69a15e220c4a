"""The last pipeline step of a build: what became of each document, put together from what the steps left."""

from __future__ import annotations

import functools
import gzip
import hashlib
import heapq
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import orjson
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from harness.config.files import replacing
from harness.errors import CorpusError
from harness.stages.data.build.pipeline import mark
from harness.stages.data.steps.step import IS_HTML, URL, ShardedCorpus, place_of

_SOURCE, _KEPT, _REMOVED = range(3)
_LEVEL = 3
"""Of gzip."""
_FILES = {"documents": "jsonl.gz", "explained": "jsonl"}
"""Folders of a corpus. What became of documents is not packed: one is found in its file by halving."""


def count_tokens(options: str | None, root: Path, text: str) -> int:
    """Count the tokens of a text, or its words.

    Args:
        options: of the version whose tokens are counted, as JSON; None for words.
        root: that their relative paths start from.
    """
    return len(text.split() if options is None else _tokenizer(options, root)(text))


@functools.lru_cache(maxsize=4)
def _tokenizer(options: str, root: Path) -> Callable[[str], list[int]]:
    from harness.models.tokenization.version_tokenizer import load_tokenizer

    return load_tokenizer(json.loads(options), root).encode


class MergeShard(PipelineStep):  # type: ignore[misc]
    """Writes the kept documents of a shard, and what became of each of its documents.

    Args:
        kept: the documents that the last step left.
        removals: folders with the tallies of the steps, in their order.
        result: that `documents` and `explained` are written in.
        tallies: where the counts of each shard are left.
        count: the tokens of a text.
    """

    type = "MERGE"
    name = "shard"

    def __init__(
        self, kept: ShardedCorpus, removals: Sequence[Path], result: Path, tallies: Path, count: Callable[[str], int]
    ) -> None:
        super().__init__()
        self.kept = kept
        self.removals = list(removals)
        self.result = result
        self.tallies = tallies
        self.count = count

    def run(self, data: Iterator[Document], rank: int = 0, _world_size: int = 1) -> Iterator[Document]:
        """Write everything; nothing comes after."""
        paths = [self.result / name / f"{rank:05}.{kind}" for name, kind in _FILES.items()]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replacing(paths[0]) as kept,
            replacing(paths[1]) as explained,
            kept.open("wb") as kept_file,
            gzip.GzipFile("", "wb", _LEVEL, kept_file, mtime=0) as packed,
            explained.open("wb") as explained_file,
        ):
            counts = self._write(data, rank, packed, explained_file)
        mark(self.tallies, rank, json.dumps(counts))
        yield from ()

    def _write(
        self, data: Iterator[Document], rank: int, documents: gzip.GzipFile, explained: IO[bytes]
    ) -> dict[str, Any]:
        counts = {"documents_in": 0, "documents_out": 0, "tokens_in": 0, "tokens_out": 0}
        digest = 0
        for source, kept, removal in self._joined(data, rank):
            if source is not None:
                counts["documents_in"] += 1
                counts["tokens_in"] += self.count(source.text)
            if kept is not None:
                counts["documents_out"] += 1
                counts["tokens_out"] += self.count(kept.text)
                line = orjson.dumps(_kept_row(kept)) + b"\n"
                digest = (digest + int.from_bytes(hashlib.sha256(line).digest())) % (1 << 256)
                documents.write(line)
            explained.write(orjson.dumps(_explained_row(source, kept, removal)) + b"\n")
        return {**counts, "digest": f"{digest:064x}"}

    def _joined(
        self, data: Iterator[Document], rank: int
    ) -> Iterator[tuple[Document | None, Document | None, dict[str, Any] | None]]:
        """Give, in the order of all, the document that came in, the one that stays, and why it does not."""
        streams = (
            ((place_of(document.id), _SOURCE, document) for document in data),
            ((place_of(document.id), _KEPT, document) for document in self.kept.read(rank)),
            ((place_of(removal["id"]), _REMOVED, removal) for removal in self._removed(rank)),
        )
        merged = heapq.merge(*streams, key=lambda entry: entry[:2])
        for place, entries in itertools.groupby(merged, key=lambda entry: entry[0]):
            found: dict[int, Any] = {}
            for _, kind, value in entries:
                if kind in found:
                    raise CorpusError(f"A step gave the document {place[16:]!r} twice; ids are unique.")
                found[kind] = value
            if (_KEPT in found) == (_REMOVED in found):
                how = "both kept and removed" if _KEPT in found else "neither kept nor removed"
                raise CorpusError(f"The document {place[16:]!r} was {how}; a step does not record what it does.")
            yield found.get(_SOURCE), found.get(_KEPT), found.get(_REMOVED)

    def _removed(self, rank: int) -> list[dict[str, Any]]:
        found = [
            {"id": name, "step": tally["step"], "reason": reason, "duplicate_of": duplicate_of}
            for folder in self.removals
            for tally in orjson.loads((folder / f"{rank:05}").read_bytes())
            for name, reason, duplicate_of in tally["removed"]
        ]
        return sorted(found, key=lambda removal: place_of(removal["id"]))


def _kept_row(document: Document) -> dict[str, Any]:
    metadata = {key: value for key, value in document.metadata.items() if key not in (URL, IS_HTML)}
    return {"id": document.id, "text": document.text, "url": document.metadata.get(URL), "metadata": metadata}


def _explained_row(source: Document | None, kept: Document | None, removal: dict[str, Any] | None) -> dict[str, Any]:
    why = removal or {"id": kept.id if kept else ""}
    return {
        "id": why["id"],
        "kept": kept is not None,
        **{key: why.get(key) for key in ("step", "reason", "duplicate_of")},
        "before": source.text if source else None,
        "after": kept.text if kept else None,
    }
