"""A build that is killed while it trains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from harness.config.settings import load_settings
from harness.stages.building import built
tell = lambda state: print(state.phase, state.done, flush=True)
built(load_settings(Path(sys.argv[1])), sys.argv[2], progress=tell)
"""


def kill_while_training(folder: Path, version: str, step: int, draft: Path) -> None:
    """Build a version of a project, and end the build by SIGKILL when it tells of a step; a checkpoint is in its draft
    when this returns.
    """
    command = [sys.executable, "-c", CODE, str(folder), version]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split() == ["training", str(step)]:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while not list(draft.glob("checkpoint-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
