"""Runs pipelines of datatrove: on this machine, on a Ray cluster, or through Slurm."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import setting_checks
from harness.errors import CorpusError

_KILLED = (2, 3)
"""CLD_KILLED and CLD_DUMPED of waitid(2): the child was ended by a signal."""


@dataclass(frozen=True, slots=True)
class BuildExecutor:
    """The executor that runs the tasks of a build.

    Attributes:
        name: "local", "ray" or "slurm".
        workers: tasks at a time; None for as many as there are cores, or as the cluster has room for.
        options: passed on to datatrove's executor as they are; `address` names a Ray cluster that runs already.
        pool: entered while processes of this machine work.
    """

    name: str
    workers: int | None
    options: Mapping[str, Any]
    pool: Callable[[], AbstractContextManager[None]] = nullcontext

    def run(self, pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        """Run a pipeline as so many tasks, those of them that are not done yet.

        Args:
            work: a folder of this pipeline's own, where datatrove keeps which tasks are done.

        Raises:
            CorpusError: an option that datatrove does not know.
            Exception: whatever a task raises; of Slurm's, that a job ended without its tasks done.
        """
        from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor

        given: dict[str, Any] = {"pipeline": list(pipeline), "tasks": tasks, "logging_dir": str(work)}
        if self.name == "local":
            workers = min(tasks, self.workers or _cores())
            executor = self._made(LocalPipelineExecutor, {**given, "workers": workers, "start_method": "fork"})
            with self.pool():
                executor.run()
            return
        given["workers"] = self.workers or -1
        if self.name == "slurm":
            # With --wait sbatch ends when its job does, and as it does.
            own = {**self.options.get("sbatch_args", {}), "wait": ""}
            self._made(SlurmPipelineExecutor, given, sbatch_args=own).run()
            return
        import ray

        executor = self._made(RayPipelineExecutor, given)
        address = self.options.get("address")
        if not ray.is_initialized():
            here = {} if address else {"num_cpus": self.workers or _cores(), "include_dashboard": False}
            ray.init(address=address, log_to_driver=False, **here)
        executor.run()

    def _made(self, kind: Any, given: dict[str, Any], **changed: Any) -> Any:
        options = {name: value for name, value in self.options.items() if name != "address"}
        try:
            return kind(**given, **{**options, **changed})
        except TypeError as error:
            raise CorpusError(f"executor = {self.name!r}: datatrove's executor refuses it: {error}.") from None


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def build_executor(
    table: Mapping[str, Any], pool: Callable[[], AbstractContextManager[None]] = nullcontext
) -> BuildExecutor:
    """The executor that a table of the settings names, `{ name = "local", workers = 2, … }`.

    Raises:
        SettingsError: there is none of that name.
    """
    options = {key: value for key, value in table.items() if key not in ("name", "workers")}
    name = setting_checks.one_of(table.get("name", "local"), "executor", ("local", "ray", "slurm"), where="corpus")
    return BuildExecutor(name, table.get("workers"), options, pool)


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
                self._killed(_ended_by(found.si_status))


def _ended_by(number: int) -> str:
    cause = " The system does that when memory runs out: take fewer workers." if number == signal.SIGKILL else ""
    name = signal.Signals(number).name
    return f"A worker was ended by signal {number} ({name}).{cause} Build again to go on from there."
