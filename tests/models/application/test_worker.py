"""The worker needs the standard library alone, and ends with who started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.models.application.engine import worker_command
from harness.models.processes.frames import encode_frame
from tests.models.application.asking import application
from tests.processes import is_running
from tests.waiting import wait_until

pytestmark = pytest.mark.service


def test_an_interpreter_without_any_package_runs_it(tmp_path: Path) -> None:
    application(tmp_path, "def answer(prompt): return prompt")
    application(tmp_path, "raise AssertionError", "harness.py")  # another package of this name hides nothing
    (python, *options) = worker_command(sys.executable)
    start = encode_frame({"call": "bot:answer", "paths": [str(tmp_path)]})
    asked = encode_frame({"id": 0, "prompt": "Hi"})
    done = subprocess.run(
        [python, "-I", "-S", *options],
        input=start + encode_frame({"cancel": 9}) + asked,
        cwd=tmp_path,
        capture_output=True,
        start_new_session=True,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout.startswith(encode_frame({"ready": {"takes_messages": False, "is_async": False, "options": []}}))
    assert b'"answer":{"text":"Hi"}' in done.stdout


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = "import os, signal\ndef answer(prompt):\n  print(os.getpid(), flush=True)\n  signal.pause()"
    application(tmp_path, code)
    parent = f"""
import signal, subprocess, sys
from harness.models.application.engine import worker_command
from harness.models.processes.frames import encode_frame
command, PIPE, NULL = worker_command(sys.executable), subprocess.PIPE, subprocess.DEVNULL
worker = subprocess.Popen(command, stdin=PIPE, stdout=NULL, start_new_session=True)
worker.stdin.write(encode_frame({{"call": "bot:answer", "paths": [{str(tmp_path)!r}]}}))
worker.stdin.write(encode_frame({{"id": 0, "prompt": "Hi"}}))
worker.stdin.flush()
signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    worker = int(process.stderr.readline())
    process.kill()
    process.wait()
    process.stderr.close()
    wait_until(lambda: not is_running(worker))
