"""A process that is forked with torch loaded is to who starts it what a process of `python` is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.models.processes.child import encode_frame
from tests.models.conftest import write_tiny_llama
from tests.processes import children
from tests.torch_processes import launcher, torch_is_loaded
from tests.waiting import wait_until

pytestmark = pytest.mark.service

ASKED = ("-P", "-m", "harness.models.processes.child", "harness.stages.foundation.comparer:Comparer")


def forked() -> list[int]:
    """The processes that the server has forked and that have not ended."""
    servers = [
        pid for pid in children(os.getpid()) if b"tests.torch_processes" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return [each for pid in servers for each in children(pid)]


@pytest.fixture
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its first message, the only one: those of tests before may still be about to end."""
    wait_until(lambda: not forked())
    process = subprocess.Popen(
        [launcher(), *ASKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.nightly
def test_it_answers_and_ends_with_its_input(waiting: subprocess.Popen[bytes], tmp_path: Path) -> None:
    options = {"weights": str(write_tiny_llama(tmp_path / "tiny")), "dtype": "float32"}
    assert waiting.stdin is not None
    assert waiting.stdout is not None
    waiting.stdin.write(encode_frame({"id": 0, "op": "start", "payload": {"options": options, "root": str(tmp_path)}}))
    waiting.stdin.flush()
    answer = encode_frame({"id": 0, "result": None})
    assert waiting.stdout.read(len(answer)) == answer
    assert waiting.communicate()[0] == b""
    assert waiting.returncode == -signal.SIGKILL
    assert forked() == []


def test_it_ends_with_the_launcher(waiting: subprocess.Popen[bytes]) -> None:
    waiting.kill()
    assert waiting.stdout is not None
    assert waiting.stdout.read() == b"", "nobody else writes to it any more"
    assert waiting.wait() == -signal.SIGKILL


def test_the_launcher_ends_as_it_does(waiting: subprocess.Popen[bytes]) -> None:
    wait_until(forked)
    (pid,) = forked()
    os.kill(pid, signal.SIGTERM)
    assert waiting.wait() == -signal.SIGTERM


def test_why_it_failed_is_told_with_its_exit_code() -> None:
    done = subprocess.run([launcher(), "-P", "-m", "harness.nothing_like_it"], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"No module named" in done.stderr


def test_whatever_else_is_asked_for_python_does() -> None:
    real, code = sys.executable, "import sys; print(sys.executable, 'torch' in sys.modules)"
    with torch_is_loaded():
        assert sys.executable == launcher() != real
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [real, "False"]
    assert sys.executable == real
