"""The pipeline steps of datatrove that run Steelyard's: a reader of shards, one around each step, a writer.

They are pickled on their way to a worker, so that they hold names and paths; what they name is made in the worker.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from harness.config.files import replacing
from harness.errors import CorpusError, SteelyardError
from harness.stages.data.steps.catalogue import find_step
from harness.stages.data.steps.step import URL, DocumentStep, ShardedCorpus

_TOLD_EVERY_S = 0.5
_ANY_TEXT = """The ferry leaves at seven, and the people who live on the other side of the lake come to work with it.
In winter the water is cold and dark, so that nobody would think of going there to swim for the pleasure of it.
A school was built on the hill above the harbour, because the old one had become too small for all of its pupils.
When the bell rings, you can hear it from the market square, where farmers have sold their apples for many years.
Some say that the town was larger once, with a wall around it and a mill at each of the four gates to the country.
"""
"""Prose that no filter removes before it has looked at all of it."""


def new_tally(step: str) -> dict[str, Any]:
    """Counts of what one step did to the documents of one shard, as JSON has them.

    `removed` has of each document its id, the reason, and the document that it duplicates.
    """
    return {"step": step, "in": 0, "out": 0, "seconds": 0.0, "removed": []}


@functools.lru_cache(maxsize=64)
def made_step(name: str, options: str, root: Path) -> Any:
    """A step of this name, made once in each process: some load models.

    Args:
        options: all of them, as JSON.
    """
    return find_step(name, root).make(json.loads(options))


def warm(name: str, options: str, root: Path) -> None:
    """Have a step load what it needs, by a document of no account, so that processes forked from this one have it.

    A step that fails at it fails again on a document that it can be named with.
    """
    with contextlib.suppress(Exception):
        made_step(name, options, root)(Document(_ANY_TEXT, "", metadata={URL: "https://example.org/a"}))


def mark(folder: Path, shard: int, text: str) -> None:
    """Leave a small file for the process that watches a build."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{shard:05}") as draft:
        draft.write_text(text, encoding="utf-8")


class ReadShard(PipelineStep):  # type: ignore[misc]
    """Reads the documents of the shard whose number is the task's, and tells how many it has read."""

    type = "READ"
    name = "shard"

    def __init__(self, shards: ShardedCorpus, progress: Path) -> None:
        super().__init__()
        self.shards = shards
        self.progress = progress

    def run(self, _data: Any = None, rank: int = 0, _world_size: int = 1) -> Iterator[Document]:
        """Give the documents in their order."""
        number, told = 0, time.monotonic()
        for number, document in enumerate(self.shards.read(rank), 1):
            yield document
            if time.monotonic() - told > _TOLD_EVERY_S:
                told = time.monotonic()
                mark(self.progress, rank, str(number))
        mark(self.progress, rank, str(number))


class RunStep(PipelineStep):  # type: ignore[misc]
    """Runs a step on each document, times it, and keeps why documents are removed."""

    type = "STEP"

    def __init__(self, step: str, options: Mapping[str, Any], root: Path, errors: Path) -> None:
        self.name = step
        super().__init__()
        self.options = json.dumps(dict(options), sort_keys=True)
        self.root = root
        self.errors = errors
        self.tally = new_tally(step)

    def run(self, data: Iterator[Document], rank: int = 0, _world_size: int = 1) -> Iterator[Document]:
        """Give the documents that stay."""
        tally = self.tally = new_tally(self.name)
        clock = time.perf_counter
        step: DocumentStep | None = None
        for document in data:
            tally["in"] += 1
            own = document.id
            started = clock()
            try:
                if step is None:
                    step = made_step(self.name, self.options, self.root)
                reason = step(document)
            except Exception as error:  # whatever a step's code raises must be told with its document
                raise self._failure(error, own, rank) from error
            tally["seconds"] += clock() - started
            if reason is None:
                tally["out"] += 1
                yield document
            else:
                self.stat_update(f"dropped_{reason}")
                tally["removed"].append((own, reason, None))

    def _failure(self, error: Exception, document: str, rank: int) -> CorpusError:
        message = str(error)
        if not isinstance(error, SteelyardError):
            said = shortened_line(f"{type(error).__name__}: {error}")
            message = f"The step {self.name!r} failed on document {document!r}: {said}"
        mark(self.errors, rank, json.dumps({"message": message, "traceback": traceback.format_exc()}))
        return CorpusError(message)


class WriteShard(PipelineStep):  # type: ignore[misc]
    """Writes the documents that stay, and what became of the others."""

    type = "WRITE"
    name = "shard"

    def __init__(self, shards: ShardedCorpus, steps: list[RunStep], tallies: Path) -> None:
        super().__init__()
        self.shards = shards
        self.steps = steps
        self.tallies = tallies

    def run(self, data: Iterator[Document], rank: int = 0, _world_size: int = 1) -> Iterator[Document]:
        """Write everything; nothing comes after."""
        self.shards.write(rank, data)
        mark(self.tallies, rank, json.dumps([step.tally for step in self.steps]))
        yield from ()


def shortened_line(text: str) -> str:
    """A message on one line, without the end of a long one."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300]}…"
