"""Waits for jobs of Slurm, and says which of them ended without their work done."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import CorpusError

_LOOKS_GONE = 3
"""Looks in a row that must not find the jobs: what a task wrote may come late through a shared file system."""
_LOOKS_UNANSWERED = 120


@dataclass(slots=True)
class SlurmJobs:
    """The jobs that datatrove's executor submits.

    Attributes:
        read_id: gives a job's id from what sbatch prints.
        ids: of all jobs so far, in the order in which they were submitted.
    """

    read_id: Any
    ids: list[str] = field(default_factory=list)

    def __call__(self, printed: str) -> str:
        """The id of a job that was just submitted; datatrove calls this as its `job_id_retriever`."""
        self.ids.append(str(self.read_id(printed)))
        return self.ids[-1]

    def submit(self, executor: Any) -> list[int]:
        """Submit an executor's jobs, and give the tasks that they are to do, in the order of the array."""
        ranks: list[int] = executor.get_incomplete_ranks()
        executor.job_id_retriever = self
        executor.run()
        # The last one gathers statistics once all tasks are done: it waits in the queue for ever where one is not.
        del self.ids[-1:]
        return ranks

    def wait(self, executor: Any, ranks: Sequence[int], errors: Path, every_s: float) -> None:
        """Wait until the tasks are done, or one of them left word of an error.

        Args:
            ranks: as `submit` gave them.
            errors: the folder in which tasks leave word.
            every_s: seconds between two looks.

        Raises:
            CorpusError: the jobs left the queue and tasks are not done, or Slurm does not answer.
        """
        gone = unanswered = 0
        while (left := executor.get_incomplete_ranks()) and not any(errors.glob("*")):
            is_queued, said = self._look()
            gone = gone + 1 if is_queued is False else 0
            unanswered = unanswered + 1 if is_queued is None else 0
            if gone == _LOOKS_GONE:
                raise self._error(executor, ranks, left)
            if unanswered == _LOOKS_UNANSWERED:
                raise CorpusError(
                    f"Slurm does not say what became of the jobs {', '.join(self.ids)}: squeue answers {said!r}. Build "
                    "again when it does, to go on from what they have done."
                )
            time.sleep(every_s)

    def _look(self) -> tuple[bool | None, str]:
        """Ask squeue whether any job waits or runs; return that (None: not told) and its message."""
        command = ["squeue", "--noheader", "--jobs", ",".join(self.ids)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return bool(found.stdout.strip()), ""
        # A single job that ended some minutes ago is unknown to it, and it says so with an exit code.
        said = found.stderr.strip()
        return (False if "Invalid job id" in said else None), said

    def _error(self, executor: Any, ranks: Sequence[int], left: Sequence[int]) -> CorpusError:
        array = ranks.index(left[0]) // executor.tasks_per_job
        size = executor.max_array_size if executor.max_array_size != -1 else len(ranks)
        job = f"{self.ids[array // size]}_{array % size}"
        log = Path(executor.slurm_logs_folder) / f"{job}.out"
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        told = f"Its log, {log}, ends with: {last}" if log.exists() else f"It left no log ({log}), so it never started."
        return CorpusError(
            f"Slurm's job {job} ended before its task was done, and {len(left)} of {len(ranks)} tasks are not. {told} "
            f"`sacct --jobs {job}` says how it ended; build again to go on from what was done."
        )
