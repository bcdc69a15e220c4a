"""A build that is killed while it trains."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
CODE = """
import os, signal, sys
from pathlib import Path
from harness.config.settings import load_settings
from harness.stages.building import built

def tell(state):
    if (state.phase, state.done) == ("training", int(sys.argv[3])):
        os.kill(os.getpid(), signal.SIGKILL)

built(load_settings(Path(sys.argv[1])), sys.argv[2], progress=tell)
"""


def kill_while_training(folder: Path, version: str, step: int, draft: Path) -> None:
    """Build a version of a project, and end the build by SIGKILL when it tells of a step; a checkpoint is in its draft
    when this returns. It kills itself: whoever reads what it tells may come too late.
    """
    command = [sys.executable, "-c", CODE, str(folder), version, str(step)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    wait_until(lambda: list(draft.glob("*/checkpoint-*")))
