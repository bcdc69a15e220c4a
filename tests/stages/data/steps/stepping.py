"""Steps over a whole corpus, applied to a few documents by datatrove's own executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """

    kept: Mapping[str, str]
    removed: Mapping[str, tuple[str, str | None]]


def local(workers: int = 1) -> Run:
    """datatrove's local executor as `StepContext.run`."""

    def run(pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        LocalPipelineExecutor(list(pipeline), tasks=tasks, workers=workers, logging_dir=str(work)).run()

    return run


def shard_documents(texts: Mapping[str, str], folder: Path, n_shards: int) -> ShardedCorpus:
    """Documents in files, as a build has them."""
    shards = ShardedCorpus(folder, n_shards)
    for shard in range(n_shards):
        names = sorted((name for name in texts if shard_of(name, n_shards) == shard), key=place_of)
        shards.write(shard, [{"id": name, "text": texts[name], "metadata": {}} for name in names])
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
    removed: dict[str, tuple[str, str | None]] = {}

    def record(name: str, reason: str, duplicate_of: str | None) -> None:
        assert name not in removed
        removed[name] = reason, duplicate_of

    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    step.apply(shards, StepContext(settings or Settings(root=folder), work, record, ReadShard(shards), run or local()))
    documents = [document for shard in range(n_shards) for document in shards.read(shard)]
    return Applied({each.id: each.text for each in documents if each.id not in removed}, removed)
