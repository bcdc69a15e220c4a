"""The worker needs the standard library alone, and ends with who started it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.models.application.engine import worker_command
from harness.models.processes.frames import encode_frame, read_frame
from tests.models.application.asking import application

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
    code = "import os, time\ndef answer(prompt):\n  print(os.getpid(), flush=True)\n  time.sleep(99)"
    application(tmp_path, code)
    parent = f"""
import subprocess, sys, time
from harness.models.application.engine import worker_command
from harness.models.processes.frames import encode_frame
command, PIPE, NULL = worker_command(sys.executable), subprocess.PIPE, subprocess.DEVNULL
worker = subprocess.Popen(command, stdin=PIPE, stdout=NULL, start_new_session=True)
worker.stdin.write(encode_frame({{"call": "bot:answer", "paths": [{str(tmp_path)!r}]}}))
worker.stdin.write(encode_frame({{"id": 0, "prompt": "Hi"}}))
worker.stdin.flush()
time.sleep(99)
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    worker = int(process.stderr.readline())
    process.kill()
    process.wait()
    process.stderr.close()
    end = time.monotonic() + 30
    while _is_there(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _is_there(worker)


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_it_answers_is_a_frame(tmp_path: Path) -> None:
    application(tmp_path, "async def answer(prompt): return prompt")
    worker = subprocess.Popen(
        worker_command(sys.executable), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(encode_frame({"call": "bot:answer", "paths": [str(tmp_path)]}))
    worker.stdin.write(encode_frame({"id": 5, "prompt": "Hi"}) + encode_frame({"id": 6, "ping": True}))
    worker.stdin.flush()
    assert read_frame(worker.stdout) == {"ready": {"takes_messages": False, "is_async": True, "options": []}}
    replies = [read_frame(worker.stdout) for _ in range(2)]
    assert {reply["id"] for reply in replies if reply} == {5, 6}
    worker.stdin.close()
    assert worker.wait(30) == os.EX_OK
    worker.stdout.close()
