"""Steps over a whole corpus, applied to a few documents by datatrove's own executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor

from harness.config import Settings
from harness.stages.data.build.pipeline import ReadShard
from harness.stages.data.steps.step import (
    CorpusStep,
    ShardedCorpus,
    StepContext,
    StepSpec,
    place_of,
    shard_of,
    step_options,
)

Run = Callable[[Sequence[Any], int, Path], None]


@dataclass(frozen=True)
class Applied:
    """What a step made of documents.

    Attributes:
        kept: texts by id, in the order of files and documents.
        removed: by id the reason, and the id of the document that stays instead.
        written: the bytes of each file of what stays.
    """

    kept: Mapping[str, str]
    removed: Mapping[str, tuple[str, str | None]]
    written: tuple[bytes, ...]


def local(workers: int = 1) -> Run:
    """datatrove's local executor as `StepContext.run`."""

    def run(pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        LocalPipelineExecutor(list(pipeline), tasks=tasks, workers=workers, logging_dir=str(work)).run()

    return run


def shard_documents(texts: Mapping[str, str], folder: Path, n_shards: int) -> ShardedCorpus:
    """Documents in files, as a build has them."""
    shards = ShardedCorpus(folder, n_shards)
    placed: list[list[Document]] = [[] for _ in range(n_shards)]
    for name in sorted(texts, key=place_of):
        document = Document(text=texts[name], id=name, metadata={})
        placed[shard_of(name, n_shards)].append(document)
    for shard, documents in enumerate(placed):
        shards.write(shard, documents)
    return shards


def apply_step(
    spec: StepSpec,
    table: Mapping[str, Any],
    texts: Mapping[str, str],
    folder: Path,
    *,
    n_shards: int = 3,
    run: Run | None = None,
    settings: Settings | None = None,
) -> Applied:
    """What a step with these options makes of documents, by id."""
    step: CorpusStep = spec.make(step_options(spec, table, where=spec.name))  # type: ignore[assignment]
    shards = shard_documents(texts, folder / "in", n_shards)
    out = ShardedCorpus(folder / "out", n_shards)
    removed: dict[str, tuple[str, str | None]] = {}

    def record(shard: int, name: str, reason: str, duplicate_of: str | None) -> None:
        assert shard_of(name, n_shards) == shard
        assert name not in removed
        removed[name] = reason, duplicate_of

    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    read = ReadShard(shards, folder / "progress")
    step.apply(shards, StepContext(settings or Settings(root=folder), work, out, record, read, run or local()))
    kept = {document.id: document.text for shard in range(n_shards) for document in out.read(shard)}
    return Applied(kept, removed, tuple(out.path(shard).read_bytes() for shard in range(n_shards)))
