"""What a keeper runs never outlives the run, however the run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.stages.inference.keeper import GO_ON, STAND_STILL
from tests.processes import is_running, is_stopped
from tests.waiting import wait_until

pytestmark = pytest.mark.service

#: Starts a grandchild in a session of its own, writes both ids, ignores SIGTERM if told to, and waits.
COMMAND = """
import os, pathlib, signal, subprocess, sys
if sys.argv[2:]: signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
path = pathlib.Path(sys.argv[1])
path.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
path.with_suffix(".new").rename(path)
while True: signal.pause()
"""
KEEPER = [sys.executable, "-P", "-m", "harness.stages.inference.keeper"]


def all_gone(pids: list[int]) -> bool:
    wait_until(lambda: not any(map(is_running, pids)))
    return True


def started(path: Path) -> list[int]:
    wait_until(path.exists)
    return [int(pid) for pid in path.read_text().split()]


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [*KEEPER, sys.executable, "-c", COMMAND, str(tmp_path / "pids")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("by_signal", [False, True])
def test_when_its_input_ends_or_sigterm_comes_so_does_everything_that_was_started(
    keeper: subprocess.Popen[bytes], tmp_path: Path, by_signal: bool
) -> None:
    pids = started(tmp_path / "pids")
    assert all(map(is_running, pids))
    assert keeper.stdin is not None
    keeper.terminate() if by_signal else keeper.stdin.close()
    assert all_gone(pids)
    assert keeper.wait(30) == 128 + signal.SIGTERM


def test_a_command_that_ends_leaves_nothing_behind(keeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    command, grandchild = started(tmp_path / "pids")
    os.kill(command, signal.SIGKILL)
    assert all_gone([grandchild])
    assert keeper.wait(30) == 128 + signal.SIGKILL


def test_when_the_keeper_is_killed_the_system_ends_its_command(keeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    command, grandchild = started(tmp_path / "pids")
    keeper.kill()
    try:
        assert all_gone([command])
    finally:
        os.kill(grandchild, signal.SIGKILL)


def test_when_the_parent_is_killed_nothing_is_left(tmp_path: Path) -> None:
    """The parent's end closes the keeper's input, whatever the parent could still do about it."""
    run = [*KEEPER, sys.executable, "-c", COMMAND, str(tmp_path / "pids")]
    code = f"import signal, subprocess\nsubprocess.Popen({run!r}, stdin=subprocess.PIPE)\nsignal.pause()\n"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        pids = started(tmp_path / "pids")
        parent.kill()
        assert all_gone(pids)


def test_its_command_stands_still_until_it_is_to_go_on_and_ends_also_when_it_stands_still(
    keeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    command, grandchild = started(tmp_path / "pids")
    assert keeper.stdin is not None
    for word, stands in ((STAND_STILL, True), (GO_ON, False), (STAND_STILL, True)):
        keeper.stdin.write(word)
        keeper.stdin.flush()
        wait_until(lambda stands=stands: is_stopped(command) == stands)
    assert not is_stopped(keeper.pid)
    keeper.stdin.close()
    assert all_gone([command, grandchild])


@pytest.mark.nightly
def test_a_command_that_does_not_heed_sigterm_is_killed(tmp_path: Path) -> None:
    command = [*KEEPER, sys.executable, "-c", COMMAND, str(tmp_path / "pids"), "stubborn"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        pids = started(tmp_path / "pids")
        assert process.stdin is not None
        process.stdin.close()
        assert all_gone(pids)


def test_its_exit_code_is_the_commands() -> None:
    with subprocess.Popen([*KEEPER, sys.executable, "-c", "import sys; sys.exit(7)"], stdin=subprocess.PIPE) as process:
        assert process.wait(60) == 7
