"""The steps of a recipe, one after the other, as tasks of datatrove's pipelines, each over one shard; and the merge of
what they left.

A pipeline is pickled on its way to a worker, so that its parts hold names and paths; what they name is made in the
worker.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import itertools
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from datatrove.data import Document

from harness.config import Settings
from harness.config.files import replacing
from harness.errors import CorpusError, SteelyardError
from harness.stages.data.build.executors import ERRORS, in_short
from harness.stages.data.outcomes import StepStatistics
from harness.stages.data.recipe import RecipeStep
from harness.stages.data.steps.step import IS_HTML, URL, Row, ShardedCorpus, StepContext, shard_of
from harness.stages.data.steps.user import find_step

_LEVEL = 3
"""Of gzip."""
_ANY_TEXT = """The ferry leaves at seven, and the people who live on the other side of the lake come to work with it.
In winter the water is cold and dark, so that nobody would think of going there to swim for the pleasure of it.
A school was built on the hill above the harbour, because the old one had become too small for all of its pupils.
When the bell rings, you can hear it from the market square, where farmers have sold their apples for many years.
Some say that the town was larger once, with a wall around it and a mill at each of the four gates to the country.
"""
"""Prose that no filter removes before it has looked at all of it."""


@functools.lru_cache(maxsize=64)
def made_step(name: str, options: str, root: Path) -> Any:
    """A step of this name, with options as JSON, made once in each process: some load models."""
    return find_step(name, root).make(json.loads(options))


def _leave(folder: Path, shard: int, text: str) -> None:
    """Leave word of a shard for the process that builds."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{shard:05}") as draft:
        draft.write_text(text, encoding="utf-8")


def left_by_tasks(folder: Path) -> list[Any]:
    """Return what each task of a pipeline left when it was done."""
    return [json.loads(path.read_bytes()) for path in sorted((folder / "done").glob("[0-9]" * 5))]


@dataclass(frozen=True, slots=True)
class ReadShard:
    """Begins a pipeline with the documents of the shard whose number is the task's."""

    shards: ShardedCorpus

    def __call__(self, _data: object, rank: int, _world_size: int) -> Iterator[Document]:
        """Give the documents in their order."""
        return self.shards.read(rank)


@dataclass(frozen=True, slots=True)
class RunSteps:
    """Runs steps, by their names and options as JSON, on one document of a shard after the other.

    In its folder it leaves what each step did, or what one fails at.
    """

    steps: Sequence[tuple[str, str]]
    root: Path
    shards: ShardedCorpus
    out: ShardedCorpus
    folder: Path

    def warm(self) -> None:
        """Have the steps load what they need, by a document of no account, so that processes forked from this one have
        it. One that fails at it fails again on a document that it can be named with."""
        for step in self.steps:
            with contextlib.suppress(Exception):
                made_step(*step, self.root)(Document(_ANY_TEXT, "", metadata={URL: "https://example.org/a"}))

    def __call__(self, _data: object, rank: int, _world_size: int) -> None:
        """Write what is left of the shard."""
        counts = [{"step": name, "in": 0, "seconds": 0.0, "reasons": Counter()} for name, _ in self.steps]
        rows = self.shards.rows(rank)
        self.out.write(rank, (row if "removed" in row else self._judged(row, rank, counts) for row in rows))
        _leave(self.folder / "done", rank, json.dumps(counts))

    def _judged(self, row: Row, rank: int, counts: Sequence[dict[str, Any]]) -> Row:
        document = Document(**row)
        for (name, options), count in zip(self.steps, counts, strict=True):
            started = time.perf_counter()
            try:
                reason = made_step(name, options, self.root)(document)
            except Exception as error:  # whatever a step's code raises must be told with its document
                message = str(error)
                if not isinstance(error, SteelyardError):
                    message = f"The step {name!r} failed on document {row['id']!r}: {in_short(error)}"
                _leave(self.folder / ERRORS, rank, message)
                raise CorpusError(message) from error
            count["seconds"] += time.perf_counter() - started
            count["in"] += 1
            if reason is not None:
                count["reasons"][reason] += 1
                return {"id": row["id"], "removed": (name, reason, None)}
        return {"id": row["id"], "text": document.text, "metadata": document.metadata}


@dataclass(frozen=True, slots=True)
class MergeShard:
    """Writes the kept documents of a shard and the outcome of each into `result`, and leaves the counts in `folder`.

    `tokenizer` is the options of the version whose tokens are counted, as JSON; None for words.
    """

    source: ShardedCorpus
    left: ShardedCorpus
    result: Path
    folder: Path
    tokenizer: str | None
    root: Path

    def __call__(self, _data: object, rank: int, _world_size: int) -> None:
        """Write everything."""
        count: Callable[[str], Sequence[Any]] = str.split
        if self.tokenizer is not None:
            from harness.models.tokenization.version_tokenizer import load_tokenizer

            count = load_tokenizer(json.loads(self.tokenizer), self.root).encode
        for name in ("documents", "explained"):
            (self.result / name).mkdir(parents=True, exist_ok=True)
        counts = Counter[str]()
        digest = 0
        with (
            replacing(self.result / "documents" / f"{rank:05}.jsonl.gz") as kept_path,
            replacing(self.result / "explained" / f"{rank:05}.jsonl") as explained_path,
            kept_path.open("wb") as kept_file,
            gzip.GzipFile("", "wb", _LEVEL, kept_file, mtime=0) as documents,
            explained_path.open("wb") as explained,
        ):
            for before, row in zip(self.source.rows(rank), self.left.rows(rank), strict=True):
                kept, text = "removed" not in row, row.get("text")
                counts.update(documents_in=1, tokens_in=len(count(before["text"])))
                if kept:
                    counts.update(documents_out=1, tokens_out=len(count(row["text"])))
                    metadata = {key: value for key, value in row["metadata"].items() if key not in (URL, IS_HTML)}
                    own = {"id": row["id"], "text": text, "url": row["metadata"].get(URL), "metadata": metadata}
                    line = orjson.dumps(own) + b"\n"
                    digest = (digest + int.from_bytes(hashlib.sha256(line).digest())) % (1 << 256)
                    documents.write(line)
                step, reason, duplicate_of = row.get("removed", (None, None, None))
                why = {"step": step, "reason": reason, "duplicate_of": duplicate_of}
                outcome = {"id": row["id"], "kept": kept, **why, "before": before["text"], "after": text}
                explained.write(orjson.dumps(outcome) + b"\n")
        _leave(self.folder / "done", rank, json.dumps({**counts, "digest": f"{digest:064x}"}))


@dataclass(frozen=True, slots=True)
class Bench:
    """The settings and functions that the steps of one build share.

    Attributes:
        is_local: whether workers are forked from this process.
        run: runs a pipeline as so many tasks in a folder: `run(pipeline, tasks, folder)`.
        tell: called as `tell(phase, folder, tasks)` when a phase begins.
    """

    settings: Settings
    is_local: bool
    run: Callable[[Sequence[Any], int, Path], None]
    tell: Callable[[str, Path, int | None], None]

    def made(self, step: RecipeStep) -> Any:
        """The step, made in this process."""
        return made_step(*_named(step), self.settings.root)

    def grouped(self, steps: Sequence[RecipeStep]) -> Iterator[tuple[RecipeStep, ...]]:
        """Give steps that look at one document at a time together, and each that looks at all of them alone."""
        for is_corpus, group in itertools.groupby(steps, lambda step: hasattr(self.made(step), "apply")):
            together = tuple(group)
            yield from ((step,) for step in together) if is_corpus else (together,)

    def run_steps(
        self, steps: Sequence[RecipeStep], folder: Path, shards: ShardedCorpus, total: int
    ) -> tuple[ShardedCorpus, list[StepStatistics]]:
        """Run one group of steps over all shards, as far as that was not done; return what they leave of `total`
        documents, and did. A `CorpusError` tells of one that fails, or removes all."""
        is_done, n_shards, first = (folder / "done").exists(), shards.n_shards, steps[0].name
        is_corpus = hasattr(self.made(steps[0]), "apply")
        phase = first if len(steps) == 1 else f"{first} to {steps[-1].name}"
        self.tell(phase, folder, None if is_corpus else n_shards)
        if is_corpus:
            if not is_done:
                self._apply(steps[0], folder, shards, total)
            out = ShardedCorpus(shards.folder, n_shards, (*shards.removed, folder / "removed"))
        else:
            out = ShardedCorpus(folder / "out", n_shards)
            run = RunSteps(list(map(_named, steps)), self.settings.root, shards, out, folder)
            if self.is_local and not is_done:
                run.warm()
            self.run([run], n_shards, folder)
        totals = [StepStatistics.of(*of_step) for of_step in zip(*left_by_tasks(folder), strict=True)]
        for step in totals:
            if step.documents_out == 0:
                why = ", ".join(f"{reason} {count:,}" for reason, count in Counter(step.reasons).most_common(5))
                shutil.rmtree(folder.parent, ignore_errors=True)  # it would be so again
                raise CorpusError(
                    f"The step {step.step!r} removed the last documents: {step.documents_in:,} came to it, none was "
                    f"left ({why}). A corpus needs one at least; set {step.step!r} otherwise, or leave it out."
                )
        return out, totals

    def _apply(self, step: RecipeStep, folder: Path, shards: ShardedCorpus, total: int) -> None:
        """Run a step that looks at all documents at once."""
        removed: list[dict[str, tuple[str, str, str | None]]] = [{} for _ in range(shards.n_shards)]

        def record(name: str, reason: str, duplicate_of: str | None = None) -> None:
            removed[shard_of(name, shards.n_shards)][name] = step.name, reason, duplicate_of

        own = folder / "own"
        own.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        try:
            self.made(step).apply(shards, StepContext(self.settings, own, record, ReadShard(shards), self.run))
        except SteelyardError:
            raise
        except Exception as error:  # whatever a step's code raises
            raise CorpusError(f"The step {step.name!r} failed: {in_short(error)}") from error
        seconds = time.perf_counter() - started
        for shard, why in enumerate(removed):
            _leave(folder / "removed", shard, json.dumps(why))
        reasons = Counter(reason for each in removed for _, reason, _ in each.values())
        _leave(
            folder / "done", 0, json.dumps([{"step": step.name, "in": total, "seconds": seconds, "reasons": reasons}])
        )


def _named(step: RecipeStep) -> tuple[str, str]:
    return step.name, json.dumps(dict(step.options), sort_keys=True)
