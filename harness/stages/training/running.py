"""Runs the process that trains, and tells how far it is."""

from __future__ import annotations

from typing import Any

from harness.errors import UsageError
from harness.models.processes.ordered import order
from harness.stages.build_state import BuildProgress, BuildState
from harness.stages.training.request import TrainingRequest

LOG = "training.log"
_MODULE = "harness.stages.training.process"
_LAST_LINES = 5


def train(request: TrainingRequest, progress: BuildProgress) -> None:
    """Train in a process of its own, which ends with this one.

    Raises:
        UsageError: the data, the weights or the settings can't be trained with. What was trained until then is kept in
            the folder.
    """
    log = request.folder / LOG
    environment = {"OMP_NUM_THREADS": str(request.threads), "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1"}

    def told(message: dict[str, Any]) -> None:
        progress(BuildState(request.version, **message))

    outcome = order(_MODULE, request, log=log, environment=environment, told=told)
    if isinstance(outcome, dict) and "trained" in outcome:
        log.unlink()
        return
    if isinstance(outcome, dict):
        raise UsageError(str(outcome["failed"]))
    lines = log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    told_last = "".join(f"\n  {line}" for line in lines)
    raise UsageError(
        f"The process that trains ended with code {outcome}."
        f"{f' The end of its log, {log}:{told_last}' if lines else ''}"
    )
