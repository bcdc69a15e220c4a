"""Servers that stand still."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.stages.inference.pausing import pausing, wake

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]


@pytest.fixture
def sleepers() -> Iterator[list[int]]:
    """Two processes in groups of their own."""
    found = [subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2)]
    yield [process.pid for process in found]
    for process in found:
        process.kill()
        process.wait()


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def are_stopped(pids: list[int], expected: list[bool]) -> bool:
    """Whether these of the processes stand still and the others do not, once they have had the time to."""
    deadline = time.monotonic() + 30
    while [is_stopped(pid) for pid in pids] != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.05)
    return [is_stopped(pid) for pid in pids] == expected


def test_they_stand_still_until_the_end_and_no_other_does(sleepers: list[int]) -> None:
    one, other = sleepers
    with pausing([other, None]):
        assert are_stopped(sleepers, [False, True])
    with pausing([one, other]):
        assert are_stopped(sleepers, [True, True])
    assert are_stopped(sleepers, [False, False])


def test_an_error_wakes_them_too(sleepers: list[int]) -> None:
    with contextlib.suppress(ZeroDivisionError), pausing(sleepers):
        raise ZeroDivisionError
    assert are_stopped(sleepers, [False, False])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_they_are_woken_when_whoever_stopped_them_is_killed(sleepers: list[int], number: signal.Signals) -> None:
    program = (
        "import sys, time\n"
        "from harness.stages.inference.pausing import pausing\n"
        f"with pausing({sleepers}):\n"
        "    print('stopped', flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        assert are_stopped(sleepers, [True, True])
        process.send_signal(number)
        process.wait()
    assert are_stopped(sleepers, [False, False])


def test_its_own_group_is_never_stopped() -> None:
    with pausing([os.getpid()]):
        assert not is_stopped(os.getpid())


def test_a_process_that_has_ended_is_no_error() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    wake(ended.pid)
    with pausing([ended.pid]):
        pass
