"""What the process that builds a corpus does.

Nothing that datatrove does is done to the process that wants the corpus: its workers are forked from this one, which
has made the steps, and never import a user's main module. What it had done when it was killed is there for the next.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.artifacts import get_or_build
from harness.config.corpora import check_executor
from harness.errors import CorpusError, install
from harness.models.files.content_hash import text_hash
from harness.models.processes.worker import Progress
from harness.stages.data.build.executors import run_tasks
from harness.stages.data.build.ingest import ingest
from harness.stages.data.corpus import open_corpus
from harness.stages.data.outcomes import CorpusStatistics, StepStatistics
from harness.stages.data.recipe import CORPORA, Recipe

_REPORTED_EVERY_S = 0.25
_KILLED = (2, 3)
"""CLD_KILLED and CLD_DUMPED of waitid(2): the child was ended by a signal."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """The corpus to build, where what was done so far is kept, the table that says who does it, and the options of the
    version whose tokens are counted; None for words."""

    settings: Settings
    name: str
    recipe: Recipe
    work: Path
    executor: Mapping[str, Any]
    tokenizer: Mapping[str, Any] | None


def build_ordered(order: str, progress: Progress) -> None:
    """Build what is asked for; of several processes one builds, the rest wait and find it there. A worker that is
    killed is told as a state with the key `failed`.

    Args:
        order: the `BuildRequest`, pickled, in hexadecimal digits.
    """
    request: BuildRequest = pickle.loads(bytes.fromhex(order))
    os.register_at_fork(after_in_child=_end_with_parent)
    watch = Watch(progress)
    try:
        executor = check_executor(request.executor, where="corpus")
        get_or_build(
            CORPORA,
            request.recipe.as_json(),
            lambda _: _build(request, executor, watch),
            digest=lambda folder: open_corpus(folder).fingerprint,
            keeps_draft=True,
            waiting=lambda: watch.begin("waiting for another build"),
        )
    except ImportError as error:
        extra = "ray" if error.name == "ray" else "data"
        raise CorpusError(f"{error}. Install what is missing: {install(extra)}") from error


def _end_with_parent() -> None:
    """Have the system end this process when the one that it was forked from ends.

    Source: Linux, prctl(2), PR_SET_PDEATHSIG.
    """
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Watch:
    """Tells the parent of each phase, and what is done of it: documents that were read, else tasks that datatrove marks
    as done; and of child processes that are killed while a pool works. A pool replaces one that dies, and never learns
    what became of its task, so that whoever waits for the tasks waits for ever. No other thread may take its signals.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._state: dict[str, Any] = {}
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._works = threading.Event()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, phase: str, folder: Path | None = None, tasks: int | None = None) -> None:
        """A phase begins, whose tasks are marked in a folder."""
        unit = "documents" if folder is None else "shards"
        with self._lock:
            self._folder, self._state = folder, {"phase": phase, "done": 0, "total": tasks, "unit": unit}
            self._progress(self._state)

    def count(self, done: int) -> None:
        """So many documents were read."""
        with self._lock:
            self._state = {**self._state, "done": done}

    @contextmanager
    def pool(self) -> Iterator[None]:
        """A pool works meanwhile."""
        self._works.set()
        try:
            yield
        finally:
            self._works.clear()

    def _watch(self) -> None:
        last: dict[str, Any] = {}
        while True:
            child: Any = signal.sigtimedwait({signal.SIGCHLD}, _REPORTED_EVERY_S)
            is_killed = child is not None and child.si_code in _KILLED and child.si_status != signal.SIGTERM
            if is_killed and self._works.is_set():
                end = signal.Signals(child.si_status)
                memory = " The system does that when memory runs out: take fewer workers."
                cause = memory if end == signal.SIGKILL else ""
                why = f"A worker was ended by signal {end} ({end.name}).{cause} Build again to go on from there."
                self._progress({"failed": why})
            with self._lock:
                if self._folder is not None:
                    self._state = {**self._state, "done": sum(1 for _ in self._folder.rglob("completions/*"))}
                if self._state != last:
                    last = self._state
                    self._progress(last)


def _build(request: BuildRequest, executor: Mapping[str, Any], watch: Watch) -> Path:
    from harness.stages.data.build.pipeline import Bench, MergeShard, left_by_tasks

    started, work, root = time.monotonic(), request.work, request.settings.root

    def run(pipeline: Sequence[Any], tasks: int, folder: Path) -> None:
        run_tasks(executor, pipeline, tasks, folder, watch.pool)

    bench = Bench(request.settings, executor["name"] == "local", run, watch.begin)
    watch.begin("reading")
    try:
        source, total = ingest(request.recipe, root, work, watch.count)
    except CorpusError:
        shutil.rmtree(work, ignore_errors=True)  # it would fail in the same way again
        raise
    shards, steps = source, list[StepStatistics]()
    for number, group in enumerate(bench.grouped(request.recipe.steps)):
        before, (shards, totals) = shards, bench.run_steps(group, work / f"{number:02}", shards, total)
        if before.folder not in (source.folder, shards.folder):
            shutil.rmtree(before.folder, ignore_errors=True)  # nothing reads it again
        steps += totals
        total = totals[-1].documents_out
    result, folder = work / "result", work / "merge"
    tokenizer = None if request.tokenizer is None else json.dumps(dict(request.tokenizer))
    watch.begin("writing", folder, shards.n_shards)
    run([MergeShard(source, shards, result, folder, tokenizer, root)], shards.n_shards, folder)
    (result / "recipe.json").write_text(json.dumps(request.recipe.as_json(), indent=1), encoding="utf-8")
    counts, digest = Counter[str](), 0
    for shard in left_by_tasks(folder):
        digest = (digest + int(shard.pop("digest"), 16)) % (1 << 256)
        counts.update(shard)
    if counts["documents_out"] != total:
        raise CorpusError(
            f"A step of {request.name!r} recorded documents as removed that it was never given: a fault of the step. "
            "Have it record each document that it drops, and no other."
        )
    statistics = CorpusStatistics(
        name=request.name,
        fingerprint=text_hash("corpus", f"{digest:064x}", str(total)),
        **{name: counts[name] for name in ("documents_in", "documents_out", "tokens_in", "tokens_out")},
        token_unit=request.recipe.tokenizer[0] if request.recipe.tokenizer else "words",
        seconds=round(time.monotonic() - started, 3),
        steps=tuple(steps),
    )
    (result / "stats.json").write_text(json.dumps(statistics.as_json(), indent=1), encoding="utf-8")
    return result
