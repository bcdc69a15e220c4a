"""Runs the steps of a recipe one after the other, and says what they did."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.errors import CorpusError, SteelyardError
from harness.stages.data.build.executors import BuildExecutor
from harness.stages.data.build.pipeline import (
    ReadShard,
    RunStep,
    WriteShard,
    made_step,
    mark,
    new_tally,
    shortened_line,
    warm,
)
from harness.stages.data.recipe import RecipeStep
from harness.stages.data.steps.step import ShardedCorpus, StepContext


@dataclass(frozen=True, slots=True)
class Bench:
    """The settings, executor and folder that the steps of one build share.

    Attributes:
        settings: of the project.
        executor: runs pipelines.
        work: the folder of the build.
        tell: called as `tell(phase, folder, total)` when a phase begins, with the folder in which tasks say how far
            they are.
    """

    settings: Settings
    executor: BuildExecutor
    work: Path
    tell: Callable[[str, Path, int], None]


def grouped(steps: Sequence[RecipeStep], root: Path) -> Iterator[tuple[RecipeStep, ...]]:
    """Give steps that look at one document at a time together, and each that looks at all of them alone."""
    for is_corpus, group in groupby(steps, lambda step: is_corpus_step(step, root)):
        together = tuple(group)
        yield from ((step,) for step in together) if is_corpus else (together,)


def is_corpus_step(step: RecipeStep, root: Path) -> bool:
    """Tell whether a step looks at all documents at once."""
    return hasattr(_made(step, root), "apply")


def _made(step: RecipeStep, root: Path) -> Any:
    return made_step(step.name, json.dumps(dict(step.options), sort_keys=True), root)


def run_steps(
    steps: Sequence[RecipeStep], bench: Bench, number: int, shards: ShardedCorpus, total: int
) -> tuple[ShardedCorpus, list[dict[str, Any]]]:
    """Run one group of steps over all shards; return these and, of each step, what the statistics of a corpus have.

    Args:
        number: of the group, which names its folder.
        total: documents in the shards.

    Raises:
        CorpusError: a step fails.
    """
    folder = bench.work / f"{number:02}"
    out = ShardedCorpus(folder / "out", shards.n_shards)
    if is_corpus_step(steps[0], bench.settings.root):
        _apply(steps[0], bench, folder, shards, out, total)
    else:
        runs = [RunStep(step.name, step.options, bench.settings.root, folder / "errors") for step in steps]
        pipeline = [ReadShard(shards, folder / "progress"), *runs, WriteShard(out, runs, folder / "tallies")]
        bench.tell(_phase(steps), folder / "progress", total)
        if bench.executor.name == "local" and not (folder / "out").exists():
            for run in runs:
                warm(run.name, run.options, run.root)
        run_tasks(pipeline, bench.executor, shards.n_shards, folder)
    tallies = [json.loads((folder / "tallies" / f"{shard:05}").read_bytes()) for shard in range(shards.n_shards)]
    return out, [_summed(step) for step in zip(*tallies, strict=True)]


def _summed(shards: Sequence[dict[str, Any]]) -> dict[str, Any]:
    reasons = Counter(reason for tally in shards for _, reason, _ in tally["removed"])
    return {
        "step": shards[0]["step"],
        **{key: sum(tally[key] for tally in shards) for key in ("in", "out")},
        "removed": reasons.total(),
        "seconds": round(sum(tally["seconds"] for tally in shards), 3),
        "reasons": dict(sorted(reasons.items())),
    }


def check_left(steps: Sequence[dict[str, Any]]) -> None:
    """Refuse to go on without a document.

    Raises:
        CorpusError: one of the steps left none; it is named with the reasons.
    """
    step = next((step for step in steps if step["out"] == 0), None)
    if step is None:
        return
    name, reasons = step["step"], Counter(step["reasons"]).most_common(5)
    told = ", ".join(f"{reason} {count:,}" for reason, count in reasons)
    raise CorpusError(
        f"The step {name!r} removed the last documents: {step['in']:,} came to it, none was left ({told}). A "
        f"corpus needs one at least; set {name!r} otherwise, or leave it out."
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
        raise CorpusError(json.loads(path.read_bytes())["message"]) from failure
    if isinstance(failure, SteelyardError | ImportError | KeyboardInterrupt):
        raise failure
    missing = [shard for shard in range(tasks) if not (folder / "tallies" / f"{shard:05}").exists()]
    if failure is not None or missing:
        said = shortened_line(f"{type(failure).__name__}: {failure}") if failure else "no error was told"
        raise CorpusError(f"{len(missing)} of {tasks} tasks did not end: {said}. Their logs are in {folder}.")


def _apply(step: RecipeStep, bench: Bench, folder: Path, shards: ShardedCorpus, out: ShardedCorpus, total: int) -> None:
    """Run a step that looks at all documents at once, unless that was done before."""
    done = folder / "done"
    if done.exists():
        return
    bench.tell(step.name, folder / "progress", total)
    removed: dict[int, list[tuple[str, str, str | None]]] = defaultdict(list)
    own = folder / "own"
    own.mkdir(parents=True, exist_ok=True)
    context = StepContext(
        settings=bench.settings,
        work=own,
        out=out,
        record=lambda shard, name, reason, duplicate_of: removed[shard].append((name, reason, duplicate_of)),
        read=ReadShard(shards, folder / "progress"),
        run=bench.executor.run,
    )
    started = time.perf_counter()
    try:
        _made(step, bench.settings.root).apply(shards, context)
    except SteelyardError:
        raise
    except Exception as error:  # whatever a step's code raises
        said = shortened_line(f"{type(error).__name__}: {error}")
        raise CorpusError(f"The step {step.name!r} failed: {said}") from error
    seconds = time.perf_counter() - started
    for shard in range(shards.n_shards):
        counts = {"in": _count(shards.path(shard)), "out": _count(out.path(shard))}
        tally = {**new_tally(step.name), **counts, "seconds": seconds / shards.n_shards, "removed": removed[shard]}
        mark(folder / "tallies", shard, json.dumps([tally]))
    done.touch()


def _count(path: Path) -> int:
    """Lines of a file."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _phase(steps: Sequence[RecipeStep]) -> str:
    return steps[0].name if len(steps) == 1 else f"{steps[0].name} to {steps[-1].name}"
