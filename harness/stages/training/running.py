"""Runs the process that trains, and tells how far it is."""

from __future__ import annotations

from typing import Any

from harness.config.environment import first_gpu
from harness.errors import UsageError
from harness.models.processes.ends import how_it_ended
from harness.models.processes.ordered import order
from harness.stages.build_state import BuildProgress, BuildState
from harness.stages.training.request import TrainingRequest

LOG = "training.log"
_MODULE = "harness.stages.training.process"
_LAST_LINES = 5
_KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
"""For glibc: logits of hundreds of megabytes come and go at every step, and to be given them anew by the system each
time takes more than a quarter of the processor time."""


def train(request: TrainingRequest, progress: BuildProgress) -> None:
    """Train in a process of its own, which ends with this one.

    Raises:
        UsageError: the data, the weights or the settings can't be trained with. What was trained until then is kept in
            the folder.
    """
    log = request.folder / LOG
    fixed = {"PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", **_KEEPS_MEMORY}
    # Of several GPUs transformers' trainer would give each a batch of its own, and that of trl refuses them.
    environment = {"OMP_NUM_THREADS": str(request.threads), "CUDA_VISIBLE_DEVICES": first_gpu(), **fixed}

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
        f"The process that trains {how_it_ended(outcome)}.{f' The end of its log, {log}:{told_last}' if lines else ''}"
    )
