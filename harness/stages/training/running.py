"""Runs the process that trains, and tells how far it is."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from typing import BinaryIO, cast

from harness.config import child_environment
from harness.errors import UsageError
from harness.models.processes.frames import read_frame
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
    own = {"OMP_NUM_THREADS": str(request.threads), "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", **_KEEPS_MEMORY}
    with log.open("ab") as errors_file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors_file,
            env=child_environment(own),
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    outcome: dict[str, object] = {}
    try:
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(request, process.stdin)
            process.stdin.flush()
        while (message := read_frame(cast(BinaryIO, process.stdout))) is not None:
            if "phase" in message:
                progress(BuildState(request.version, **message))
            else:
                outcome = message
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    if "trained" in outcome:
        log.unlink()
        return
    why = outcome.get("failed", f"The process that trains ended with code {process.returncode}.")
    lines = log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:] if "failed" not in outcome else []
    told = "".join(f"\n  {line}" for line in lines)
    raise UsageError(f"{why}{f' The end of its log, {log}:{told}' if told else ''}")
