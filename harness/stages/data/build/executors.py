"""Runs pipelines by datatrove's executors: on this machine, on a Ray cluster, or through Slurm."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.corpora import check_executor
from harness.errors import CorpusError

_KILLED = (2, 3)
"""CLD_KILLED and CLD_DUMPED of waitid(2): the child was ended by a signal."""


@dataclass(frozen=True, slots=True)
class BuildExecutor:
    """The executor that runs the tasks of a build: "local", "ray" or "slurm".

    Attributes:
        options: of datatrove's executor as they are, and `workers`: tasks at a time, without it as many as there are
            cores, or as the cluster has room for; `address` names a Ray cluster that runs already.
        pool: entered while processes of this machine work.
    """

    name: str
    options: Mapping[str, Any]
    pool: Callable[[], AbstractContextManager[None]] = nullcontext

    def run(self, pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        """Run a pipeline as so many tasks, those of them that are not done yet.

        Args:
            work: a folder of this pipeline's own, where datatrove keeps which tasks are done.

        Raises:
            CorpusError: an option that datatrove does not know. Else whatever a task raises.
        """
        from datatrove import executor

        options, cores = dict(self.options), len(os.sched_getaffinity(0))
        workers, address = options.pop("workers", None), options.pop("address", None)
        given: dict[str, Any] = {"workers": workers or -1}
        kind: Any = executor.LocalPipelineExecutor
        if self.name == "local":
            given = {"workers": min(tasks, workers or cores), "start_method": "fork"}
        elif self.name == "slurm":  # with --wait sbatch ends when its job does, and as it does
            kind = executor.SlurmPipelineExecutor
            options["sbatch_args"] = {**options.get("sbatch_args", {}), "wait": ""}
        else:
            import ray

            kind = executor.RayPipelineExecutor
            if not ray.is_initialized():
                here = {} if address else {"num_cpus": workers or cores, "include_dashboard": False}
                ray.init(address=address, log_to_driver=False, **here)
        try:
            made = kind(pipeline=list(pipeline), tasks=tasks, logging_dir=str(work), **given, **options)
        except TypeError as error:
            raise CorpusError(f"executor = {self.name!r}: datatrove's executor refuses it: {error}.") from None
        with self.pool() if self.name == "local" else nullcontext():
            made.run()


def build_executor(
    table: Mapping[str, Any], pool: Callable[[], AbstractContextManager[None]] = nullcontext
) -> BuildExecutor:
    """The executor that a table of the settings names, `{ name = "local", workers = 2, … }`."""
    options = check_executor(table, where="corpus")
    return BuildExecutor(options.pop("name"), options, pool)


class WorkerWatch:
    """Tells of child processes that are killed while a pool works: a pool replaces one that dies, and never learns what
    became of its task, so that whoever waits for the tasks waits for ever. No other thread may take its signals.

    Args:
        killed: called in a thread of its own, with what happened in words; one that is told to end is not told of.
    """

    def __init__(self, killed: Callable[[str], None]) -> None:
        self._killed = killed
        self._works = threading.Event()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        threading.Thread(target=self._wait, daemon=True).start()

    @contextmanager
    def pool(self) -> Iterator[None]:
        """A pool works meanwhile."""
        self._works.set()
        try:
            yield
        finally:
            self._works.clear()

    def _wait(self) -> None:
        while True:
            found: Any = signal.sigwaitinfo({signal.SIGCHLD})
            if self._works.is_set() and found.si_code in _KILLED and found.si_status != signal.SIGTERM:
                end = signal.Signals(found.si_status)
                memory = " The system does that when memory runs out: take fewer workers."
                cause = memory if end == signal.SIGKILL else ""
                self._killed(
                    f"A worker was ended by signal {end} ({end.name}).{cause} Build again to go on from there."
                )
