"""The worker needs the standard library alone, and ends with who started it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.models.application.engine import worker_command
from harness.models.processes.child import encode_frame
from tests.models.application.asking import application
from tests.processes import is_running
from tests.waiting import wait_until

pytestmark = pytest.mark.service


def test_an_interpreter_without_any_package_runs_it(tmp_path: Path) -> None:
    application(tmp_path, "def answer(prompt): return prompt")
    application(tmp_path, "raise AssertionError", "harness.py")  # another package of this name hides nothing
    (python, *options) = worker_command(sys.executable)
    given = {"name": "bot", "call": "bot:answer", "paths": [str(tmp_path)]}
    asked = {"prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]}
    calls = [
        {"id": 0, "op": "start", "payload": given},
        {"cancel": 9},
        {"id": 1, "op": "ask", "payload": asked},
        {"close": True},
    ]
    worker = subprocess.Popen(
        [python, "-I", "-S", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        start_new_session=True,
    )
    with worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stderr is not None
        worker.stdin.write(b"".join(map(encode_frame, calls)))
        worker.stdin.flush()
        ready, answer = map(json.loads, worker.stdout)
        assert worker.stderr.read() == b""
    assert worker.returncode == 0
    assert ready == {"id": 0, "result": {"takes_messages": False, "is_async": False, "options": []}}
    assert answer["result"]["answer"] == {"text": "Hi"}


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = "import os, signal\ndef answer(prompt):\n  print(os.getpid(), flush=True)\n  signal.pause()"
    application(tmp_path, code)
    parent = f"""
import signal, subprocess, sys
from harness.models.application.engine import worker_command
from harness.models.processes.child import encode_frame
command, PIPE, NULL = worker_command(sys.executable), subprocess.PIPE, subprocess.DEVNULL
worker = subprocess.Popen(command, stdin=PIPE, stdout=NULL, start_new_session=True)
given = {{"name": "bot", "call": "bot:answer", "paths": [{str(tmp_path)!r}]}}
worker.stdin.write(encode_frame({{"id": 0, "op": "start", "payload": given}}))
worker.stdin.write(encode_frame({{"id": 1, "op": "ask", "payload": {{"prompt": "Hi", "messages": []}}}}))
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
