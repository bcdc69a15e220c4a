"""Runs pipelines by datatrove's executors: on this machine, on a Ray cluster, or through Slurm."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from harness.config.environment import usable_cores
from harness.errors import CorpusError, SteelyardError

ERRORS = "errors"
"""The folder in that of a pipeline in which tasks leave word of why they failed, in files by their numbers."""


def run_tasks(
    executor: Mapping[str, Any],
    pipeline: Sequence[Any],
    tasks: int,
    folder: Path,
    pool: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Run a pipeline as so many tasks, those of them that are not done yet; a `CorpusError` tells of one that fails.

    datatrove takes what a lost task did not write for nothing found, and not every executor tells of one.

    Args:
        executor: `name`: "local", "ray" or "slurm"; options of datatrove's executor as they are, and `workers`: tasks
            at a time, without it as many as there are cores, or as the cluster has room for; `address` names a Ray
            cluster that runs already.
        folder: of this pipeline alone, where datatrove keeps which tasks are done.
        pool: entered while processes of this machine work.
    """
    shutil.rmtree(folder / ERRORS, ignore_errors=True)
    failure: Exception | None = None
    try:
        with pool() if executor["name"] == "local" else nullcontext():
            _made(dict(executor), pipeline=list(pipeline), tasks=tasks, logging_dir=str(folder)).run()
    except Exception as error:  # noqa: BLE001  whatever executors pass on; the tasks' own words are better
        failure = error
    for path in sorted((folder / ERRORS).glob("*")):
        raise CorpusError(path.read_text(encoding="utf-8")) from failure
    if isinstance(failure, SteelyardError | ImportError):
        raise failure
    missing = [task for task in range(tasks) if not (folder / "completions" / f"{task:05}").exists()]
    if failure is not None or missing:
        why = in_short(failure) if failure else "no error was told"
        raise CorpusError(f"{len(missing)} of {tasks} tasks did not end: {why}. Their logs are in {folder}.")


def _made(options: dict[str, Any], **given: Any) -> Any:
    from datatrove import executor

    name, workers, address = (options.pop(key, None) for key in ("name", "workers", "address"))
    cores = usable_cores()
    kind: Any = executor.LocalPipelineExecutor
    given["workers"] = workers or -1
    if name == "local":
        given |= {"workers": min(given["tasks"], workers or cores), "start_method": "fork"}
    elif name == "slurm":  # with --wait sbatch ends when its job does, and as it does
        kind = executor.SlurmPipelineExecutor
        options["sbatch_args"] = {**options.get("sbatch_args", {}), "wait": ""}
    else:
        import ray

        kind = executor.RayPipelineExecutor
        if not ray.is_initialized():
            here = {} if address else {"num_cpus": workers or cores, "include_dashboard": False}
            ray.init(address=address, log_to_driver=False, **here)
    try:
        return kind(**given, **options)
    except TypeError as error:
        raise CorpusError(f"executor = {name!r}: datatrove's executor refuses it: {error}.") from None


def in_short(error: BaseException) -> str:
    """An error on one line, without the end of a long one."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return line if len(line) <= 300 else f"{line[:300]}…"
