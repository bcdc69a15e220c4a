"""What the process that builds a corpus does.

Nothing that datatrove does is done to the process that wants the corpus: its workers are forked from this one, which
has made the steps, and never import a user's main module. What it had done when it was killed is there for the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pickle
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.artifacts import get_or_build
from harness.errors import CorpusError
from harness.models.files.content_hash import text_hash
from harness.models.processes.worker import Progress
from harness.stages.data.build.executors import BuildExecutor, WorkerWatch, build_executor
from harness.stages.data.build.ingest import ingest
from harness.stages.data.corpus import open_corpus
from harness.stages.data.outcomes import CorpusStatistics, StepStatistics
from harness.stages.data.recipe import CORPORA, Recipe

_TOLD_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """The corpus to build, and where.

    Attributes:
        name: of the corpus.
        work: where what was done so far is kept.
        executor: the table of the settings that names who runs it.
        tokenizer: the options of the version whose tokens are counted; None for words.
    """

    settings: Settings
    name: str
    recipe: Recipe
    work: Path
    executor: Mapping[str, Any]
    tokenizer: Mapping[str, Any] | None


def build_ordered(order: str, progress: Progress) -> None:
    """Build what is asked for. A worker that is killed is told as a state with the key `failed`.

    Args:
        order: the `BuildRequest`, pickled, in hexadecimal digits.

    Raises:
        CorpusError: a package is not installed.
        UsageError: it can't be built.
    """

    request: BuildRequest = pickle.loads(bytes.fromhex(order))
    watch = WorkerWatch(lambda why: progress({"failed": why}))
    try:
        build(request, _Teller(progress), build_executor(request.executor, watch.pool))
    except ImportError as error:
        extra = "ray" if error.name == "ray" else "data"
        raise CorpusError(f'{error}. Install what is missing: pip install "steelyard[{extra}]"') from error


def _end_with_parent() -> None:
    """Have the system end this process when the one that it was forked from ends.

    Source: Linux, prctl(2), PR_SET_PDEATHSIG.
    """
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class _Teller:
    """Tells the parent each phase, and what is done of it from the small files that tasks leave."""

    def __init__(self, told: Progress) -> None:
        self._told = told
        self._phase: tuple[str, Path | None, int | None] = ("", None, None)
        self._done = 0
        self._last: dict[str, Any] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, phase: str, folder: Path | None = None, total: int | None = None) -> None:
        """A phase begins."""
        with self._lock:
            self._done = 0
            self._phase = (phase, folder, total)
        self._tell()

    def count(self, done: int) -> None:
        """So much of a phase is done that leaves no files."""
        self._done = done

    def _tell(self) -> None:
        with self._lock:
            phase, folder, total = self._phase
            done = self._done if folder is None else sum(map(_number, folder.glob("*")))
            now = {"phase": phase, "done": done, "total": total}
            if phase and now != self._last:
                self._told(now)
                self._last = now

    def _watch(self) -> None:
        while True:
            self._tell()
            time.sleep(_TOLD_EVERY_S)


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # a draft that was being written
        return 0


def build(request: BuildRequest, teller: _Teller, executor: BuildExecutor) -> None:
    """Build a corpus into its folder; of several processes one builds, the rest wait and find it there."""
    os.register_at_fork(after_in_child=_end_with_parent)
    get_or_build(
        CORPORA,
        request.recipe.as_json(),
        lambda _: _build(request, teller, executor),
        digest=lambda folder: open_corpus(folder).fingerprint,
        keeps_draft=True,
        waiting=lambda: teller.begin("waiting for another build"),
    )


def _build(request: BuildRequest, teller: _Teller, executor: BuildExecutor) -> Path:
    from harness.stages.data.build.pipeline import (
        Bench,
        MergeShard,
        ReadShard,
        check_left,
        done_tasks,
        run_steps,
        run_tasks,
    )

    started = time.monotonic()
    root = request.settings.root
    bench = Bench(request.settings, executor, request.work, teller.begin)
    with _useless_unless_right(request.work):
        teller.begin("reading")
        source, n_documents = ingest(request.recipe, root, request.work, teller.count)
    shards, total = source, n_documents
    totals: list[StepStatistics] = []
    groups: list[Path] = []
    for steps in bench.grouped(request.recipe.steps):
        groups.append(request.work / f"{len(groups):02}")
        before, (shards, done) = shards, run_steps(steps, bench, groups[-1], shards, total)
        if before is not source:
            shutil.rmtree(before.folder, ignore_errors=True)  # nothing reads it again
        totals += done
        total = done[-1].documents_out
        with _useless_unless_right(request.work):
            check_left(done)
    result, folder = request.work / "result", request.work / "merge"
    tokenizer = None if request.tokenizer is None else json.dumps(dict(request.tokenizer))
    teller.begin("writing", folder / "progress", n_documents)
    pipeline = [ReadShard(source, folder / "progress"), MergeShard(shards, groups, result, folder, tokenizer, root)]
    run_tasks(pipeline, executor, shards.n_shards, folder)
    (result / "recipe.json").write_text(json.dumps(request.recipe.as_json(), indent=1), encoding="utf-8")
    statistics = _statistics(request, done_tasks(folder, shards.n_shards), totals, time.monotonic() - started)
    (result / "stats.json").write_text(json.dumps(statistics.as_json(), indent=1), encoding="utf-8")
    return result


@contextlib.contextmanager
def _useless_unless_right(work: Path) -> Iterator[None]:
    """Keep nothing of a build that will fail in the same way again."""
    try:
        yield
    except CorpusError:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _statistics(
    request: BuildRequest, counts: list[dict[str, Any]], steps: list[StepStatistics], seconds: float
) -> CorpusStatistics:
    n_in, n_out, tokens_in, tokens_out = (
        sum(shard[key] for shard in counts) for key in ("documents_in", "documents_out", "tokens_in", "tokens_out")
    )
    digest = sum(int(shard["digest"], 16) for shard in counts) % (1 << 256)
    fingerprint = text_hash("corpus", f"{digest:064x}", str(n_out))
    unit = request.recipe.tokenizer[0] if request.recipe.tokenizer else "words"
    return CorpusStatistics(
        request.name, fingerprint, n_in, n_out, tokens_in, tokens_out, unit, round(seconds, 3), tuple(steps)
    )
