"""Runs the steps of a recipe one after the other by datatrove's pipelines, and says what they did.

The parts of a pipeline are a reader of shards, one around each step, and writers. They are pickled on their way to a
worker, so that they hold names and paths; what they name is made in the worker.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import heapq
import itertools
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from datatrove.data import Document

from harness.config import Settings
from harness.config.files import replacing
from harness.errors import CorpusError, SteelyardError
from harness.stages.data.build.executors import BuildExecutor
from harness.stages.data.outcomes import StepStatistics
from harness.stages.data.recipe import RecipeStep
from harness.stages.data.steps.step import IS_HTML, URL, DocumentStep, ShardedCorpus, StepContext, place_of
from harness.stages.data.steps.user import find_step

_TOLD_EVERY_S = 0.5
_SOURCE, _KEPT, _REMOVED = range(3)
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
    """A step of this name, made once in each process: some load models.

    Args:
        options: all of them, as JSON.
    """
    return find_step(name, root).make(json.loads(options))


def mark(folder: Path, shard: int, text: str) -> None:
    """Leave a small file for the process that watches a build."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{shard:05}") as draft:
        draft.write_text(text, encoding="utf-8")


def mark_done(folder: Path, shard: int, steps: Iterable[StepStatistics], removals: Iterable[Mapping[str, Any]]) -> None:
    """Leave what steps did to a shard: in `removals` a row for each document that went, in `done` the statistics."""
    mark(folder / "removals", shard, "".join(f"{json.dumps(each)}\n" for each in removals))
    mark(folder / "done", shard, json.dumps([each.as_json() for each in steps]))


@dataclass(frozen=True, slots=True)
class ReadShard:
    """Reads the documents of the shard whose number is the task's, and tells in `progress` how many it has read."""

    shards: ShardedCorpus
    progress: Path

    def __call__(self, _data: object, rank: int, _world_size: int) -> Iterator[Document]:
        """Give the documents in their order."""
        number, told = 0, time.monotonic()
        for number, document in enumerate(self.shards.read(rank), 1):
            yield document
            if time.monotonic() - told > _TOLD_EVERY_S:
                told = time.monotonic()
                mark(self.progress, rank, str(number))
        mark(self.progress, rank, str(number))


@dataclass(slots=True)
class RunStep:
    """Runs a step on each document, times it, and keeps why documents are removed.

    Attributes:
        options: of the step, as JSON.
        folder: in whose `errors` it says what it fails at.
    """

    name: str
    options: str
    root: Path
    folder: Path
    n_in: int = 0
    seconds: float = 0.0
    removals: list[dict[str, Any]] = field(default_factory=list)

    def warm(self) -> None:
        """Have the step load what it needs, by a document of no account, so that processes forked from this one have
        it. One that fails at it fails again on a document that it can be named with."""
        with contextlib.suppress(Exception):
            step = made_step(self.name, self.options, self.root)
            step(Document(_ANY_TEXT, "", metadata={URL: "https://example.org/a"}))

    def __call__(self, data: Iterator[Document], rank: int, _world_size: int) -> Iterator[Document]:
        """Give the documents that stay."""
        self.n_in, self.seconds, self.removals = 0, 0.0, []
        clock = time.perf_counter
        step: DocumentStep | None = None
        for document in data:
            self.n_in += 1
            own, started = document.id, clock()
            try:
                if step is None:
                    step = made_step(self.name, self.options, self.root)
                reason = step(document)
            except Exception as error:  # whatever a step's code raises must be told with its document
                message = str(error)
                if not isinstance(error, SteelyardError):
                    said = shortened_line(f"{type(error).__name__}: {error}")
                    message = f"The step {self.name!r} failed on document {own!r}: {said}"
                mark(self.folder / "errors", rank, message)
                raise CorpusError(message) from error
            self.seconds += clock() - started
            if reason is None:
                yield document
            else:
                self.removals.append({"id": own, "step": self.name, "reason": reason, "duplicate_of": None})

    @property
    def statistics(self) -> StepStatistics:
        """What it did to the shard that it was run on."""
        reasons = Counter(each["reason"] for each in self.removals)
        return StepStatistics(self.name, self.n_in, self.n_in - reasons.total(), self.seconds, reasons)


@dataclass(frozen=True, slots=True)
class WriteShard:
    """Writes the documents that stay into `out`, and into `folder` what became of the others."""

    out: ShardedCorpus
    steps: Sequence[RunStep]
    folder: Path

    def __call__(self, data: Iterator[Document], rank: int, _world_size: int) -> None:
        """Write everything; nothing comes after."""
        self.out.write(rank, data)
        removals = (removal for step in self.steps for removal in step.removals)
        mark_done(self.folder, rank, [step.statistics for step in self.steps], removals)


@dataclass(frozen=True, slots=True)
class MergeShard:
    """Writes the kept documents of a shard, and the outcome of each of its documents, from what the steps left.

    Attributes:
        kept: the documents that the last step left.
        groups: the folders of the groups of steps, in their order.
        result: that `documents` and `explained` are written in. What became of documents is not packed: one is found
            in its file by halving.
        folder: in whose `done` the counts of each shard are left.
        tokenizer: the options of the version whose tokens are counted, as JSON; None for words.
        root: that their relative paths start from.
    """

    kept: ShardedCorpus
    groups: Sequence[Path]
    result: Path
    folder: Path
    tokenizer: str | None = None
    root: Path = Path()

    def __call__(self, data: Iterator[Document], rank: int, _world_size: int) -> None:
        """Write everything; nothing comes after."""
        count: Callable[[str], Sequence[Any]] = str.split
        if self.tokenizer is not None:
            from harness.models.tokenization.version_tokenizer import load_tokenizer

            count = load_tokenizer(json.loads(self.tokenizer), self.root).encode
        for name in ("documents", "explained"):
            (self.result / name).mkdir(parents=True, exist_ok=True)
        counts = {"documents_in": 0, "documents_out": 0, "tokens_in": 0, "tokens_out": 0}
        digest = 0
        with (
            replacing(self.result / "documents" / f"{rank:05}.jsonl.gz") as kept_path,
            replacing(self.result / "explained" / f"{rank:05}.jsonl") as explained_path,
            kept_path.open("wb") as kept_file,
            gzip.GzipFile("", "wb", _LEVEL, kept_file, mtime=0) as documents,
            explained_path.open("wb") as explained,
        ):
            for name, source, kept, removal in self._joined(data, rank):
                if source is not None:
                    counts["documents_in"] += 1
                    counts["tokens_in"] += len(count(source.text))
                if kept is not None:
                    counts["documents_out"] += 1
                    counts["tokens_out"] += len(count(kept.text))
                    metadata = {key: value for key, value in kept.metadata.items() if key not in (URL, IS_HTML)}
                    row = {"id": name, "text": kept.text, "url": kept.metadata.get(URL), "metadata": metadata}
                    line = orjson.dumps(row) + b"\n"
                    digest = (digest + int.from_bytes(hashlib.sha256(line).digest())) % (1 << 256)
                    documents.write(line)
                why = {key: removal and removal[key] for key in ("step", "reason", "duplicate_of")}
                texts = {"before": source and source.text, "after": kept and kept.text}
                explained.write(orjson.dumps({"id": name, "kept": kept is not None, **why, **texts}) + b"\n")
        mark(self.folder / "done", rank, json.dumps({**counts, "digest": f"{digest:064x}"}))

    def _joined(
        self, data: Iterator[Document], rank: int
    ) -> Iterator[tuple[str, Document | None, Document | None, dict[str, Any] | None]]:
        """Give, in the order of all, the document that came in, the one that stays, and why it does not."""
        lines = [line for each in self.groups for line in (each / "removals" / f"{rank:05}").read_bytes().splitlines()]
        removals = sorted(map(orjson.loads, lines), key=lambda removal: place_of(removal["id"]))
        merged = heapq.merge(
            ((place_of(document.id), _SOURCE, document) for document in data),
            ((place_of(document.id), _KEPT, document) for document in self.kept.read(rank)),
            ((place_of(removal["id"]), _REMOVED, removal) for removal in removals),
            key=lambda entry: entry[:2],
        )
        for place, entries in itertools.groupby(merged, key=lambda entry: entry[0]):
            name = place[16:]
            found: dict[int, Any] = {}
            for _, kind, value in entries:
                if kind in found:
                    raise CorpusError(f"A step gave the document {name!r} twice; ids are unique.")
                found[kind] = value
            if (_KEPT in found) == (_REMOVED in found):
                how = "both kept and removed" if _KEPT in found else "neither kept nor removed"
                raise CorpusError(f"The document {name!r} was {how}; a step does not record what it does.")
            yield name, found.get(_SOURCE), found.get(_KEPT), found.get(_REMOVED)


def shortened_line(text: str) -> str:
    """A message on one line, without the end of a long one."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300]}…"


@dataclass(frozen=True, slots=True)
class Bench:
    """The settings, executor and folder that the steps of one build share.

    Attributes:
        work: the folder of the build.
        tell: called as `tell(phase, folder, total)` when a phase begins, with the folder in which tasks say how far
            they are.
    """

    settings: Settings
    executor: BuildExecutor
    work: Path
    tell: Callable[[str, Path, int], None]

    def made(self, step: RecipeStep) -> Any:
        """The step, made in this process."""
        return made_step(step.name, _as_json(step), self.settings.root)

    def grouped(self, steps: Sequence[RecipeStep]) -> Iterator[tuple[RecipeStep, ...]]:
        """Give steps that look at one document at a time together, and each that looks at all of them alone."""
        for is_corpus, group in itertools.groupby(steps, lambda step: hasattr(self.made(step), "apply")):
            together = tuple(group)
            yield from ((step,) for step in together) if is_corpus else (together,)


def run_steps(
    steps: Sequence[RecipeStep], bench: Bench, folder: Path, shards: ShardedCorpus, total: int
) -> tuple[ShardedCorpus, list[StepStatistics]]:
    """Run one group of steps over all shards, as far as that was not done; return what they leave, and did.

    Args:
        folder: of the group.
        total: documents in the shards.

    Raises:
        CorpusError: a step fails.
    """
    out = ShardedCorpus(folder / "out", shards.n_shards)
    first = steps[0].name
    phase = first if len(steps) == 1 else f"{first} to {steps[-1].name}"
    read = ReadShard(shards, folder / "progress")
    if hasattr(bench.made(steps[0]), "apply"):
        if not (folder / "done" / f"{shards.n_shards - 1:05}").exists():
            bench.tell(phase, folder / "progress", total)
            _apply(steps[0], bench, folder, shards, out, read)
    else:
        runs = [RunStep(step.name, _as_json(step), bench.settings.root, folder) for step in steps]
        bench.tell(phase, folder / "progress", total)
        if bench.executor.name == "local" and not (folder / "out").exists():
            for run in runs:
                run.warm()
        run_tasks([read, *runs, WriteShard(out, runs, folder)], bench.executor, shards.n_shards, folder)
    by_shard = [map(StepStatistics.of, rows) for rows in done_tasks(folder, shards.n_shards)]
    return out, [StepStatistics.over(of_step) for of_step in zip(*by_shard, strict=True)]


def _as_json(step: RecipeStep) -> str:
    return json.dumps(dict(step.options), sort_keys=True)


def done_tasks(folder: Path, tasks: int) -> list[Any]:
    """What each task of a pipeline left when it was done."""
    return [json.loads((folder / "done" / f"{task:05}").read_bytes()) for task in range(tasks)]


def check_left(steps: Sequence[StepStatistics]) -> None:
    """Refuse to go on without a document.

    Raises:
        CorpusError: one of the steps left none; it is named with the reasons.
    """
    step = next((step for step in steps if step.documents_out == 0), None)
    if step is not None:
        told = ", ".join(f"{reason} {count:,}" for reason, count in Counter(step.reasons).most_common(5))
        raise CorpusError(
            f"The step {step.step!r} removed the last documents: {step.documents_in:,} came to it, none was left "
            f"({told}). A corpus needs one at least; set {step.step!r} otherwise, or leave it out."
        )


def run_tasks(pipeline: Sequence[Any], executor: BuildExecutor, tasks: int, folder: Path) -> None:
    """Run a pipeline, and raise what its tasks left word of.

    Raises:
        CorpusError: a task failed.
    """
    errors = folder / "errors"
    shutil.rmtree(errors, ignore_errors=True)
    failure: Exception | None = None
    try:
        executor.run(pipeline, tasks, folder)
    except Exception as error:  # noqa: BLE001  whatever executors pass on; the tasks' own words are better
        failure = error
    for path in sorted(errors.glob("*")):
        raise CorpusError(path.read_text(encoding="utf-8")) from failure
    if isinstance(failure, SteelyardError | ImportError | KeyboardInterrupt):
        raise failure
    missing = [shard for shard in range(tasks) if not (folder / "done" / f"{shard:05}").exists()]
    if failure is not None or missing:
        said = shortened_line(f"{type(failure).__name__}: {failure}") if failure else "no error was told"
        raise CorpusError(f"{len(missing)} of {tasks} tasks did not end: {said}. Their logs are in {folder}.")


def _apply(
    step: RecipeStep, bench: Bench, folder: Path, shards: ShardedCorpus, out: ShardedCorpus, read: ReadShard
) -> None:
    """Run a step that looks at all documents at once."""
    removed: list[list[dict[str, Any]]] = [[] for _ in range(shards.n_shards)]
    own = folder / "own"
    own.mkdir(parents=True, exist_ok=True)

    def record(shard: int, name: str, reason: str, duplicate_of: str | None) -> None:
        removed[shard].append({"id": name, "step": step.name, "reason": reason, "duplicate_of": duplicate_of})

    context = StepContext(bench.settings, own, out, record, read, bench.executor.run)
    started = time.perf_counter()
    try:
        bench.made(step).apply(shards, context)
    except SteelyardError:
        raise
    except Exception as error:  # whatever a step's code raises
        said = shortened_line(f"{type(error).__name__}: {error}")
        raise CorpusError(f"The step {step.name!r} failed: {said}") from error
    seconds = (time.perf_counter() - started) / shards.n_shards
    for shard, removals in enumerate(removed):
        counts = shards.count(shard), out.count(shard)
        statistics = StepStatistics(step.name, *counts, seconds, Counter(each["reason"] for each in removals))
        mark_done(folder, shard, [statistics], removals)
