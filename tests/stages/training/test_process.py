"""The process that trains ends with who asked for it."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stages.training.requests import request_of

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]
ROOT = Path(__file__).parents[3]


def test_it_ends_when_nobody_listens_any_more(tmp_path: Path) -> None:
    asked = request_of(tmp_path, '{"text": "ships of the line and boats"}\n' * 3)
    command = [sys.executable, "-P", "-m", "harness.stages.training.process"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        pickle.dump(asked, process.stdin)
        process.stdin.close()
        assert process.wait(60) in (0, -signal.SIGKILL)
