"""A process that is given one order is told of, and nothing of it is left."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harness.models.processes.ordered import order

_MODULE = """
import os, pickle, sys, time
from harness.models.processes.frames import encode_frame

def tell(**message):
    os.write(1, encode_frame(message))

what = pickle.load(sys.stdin.buffer)
tell(phase="begins", pid=os.getpid())
sys.stderr.write(f"asked for {what}")
if what == "much":
    held = b"x" * 200_000_000
    tell(phase="holds", pid=os.getpid())
    time.sleep(100)
if what == "exit":
    sys.exit(3)
tell(made=what)
time.sleep(100)
"""


def run(folder: Path, what: Any, told: Any) -> Mapping[str, Any] | int:
    (folder / "ordered_here.py").write_text(_MODULE, "utf-8")
    path = f"{folder}{os.pathsep}{Path(__file__).parents[3]}"
    return order("ordered_here", what, log=folder / "log", environment={"PYTHONPATH": path}, told=told)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_its_last_message_comes_back_and_it_is_ended(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    assert run(tmp_path, "bread", seen.append) == {"made": "bread"}
    assert [each["phase"] for each in seen] == ["begins"]
    assert not is_alive(seen[0]["pid"])
    assert (tmp_path / "log").read_text("utf-8") == "asked for bread"


def test_without_a_last_message_it_is_its_exit_code(tmp_path: Path) -> None:
    assert run(tmp_path, "exit", lambda _: None) == 3


def test_what_can_not_be_ordered_is_raised(tmp_path: Path) -> None:
    with pytest.raises(AttributeError, match="Can't pickle local object"):
        run(tmp_path, lambda: None, lambda _: None)


def test_what_progress_raises_ends_it(tmp_path: Path) -> None:
    pids = []

    def told(message: dict[str, Any]) -> None:
        pids.append(message["pid"])
        raise OSError("nobody listens")

    with pytest.raises(OSError, match="nobody listens"):
        run(tmp_path, "bread", told)
    assert not is_alive(pids[0])


@pytest.mark.nightly
def test_interrupts_that_follow_each_other_leave_neither_process_nor_pipes(tmp_path: Path) -> None:
    """A process that holds much takes a while to end, in which the next interrupt comes; warnings are errors here."""
    pids = []

    def interrupt(_: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code is not run.__code__:
            frame = frame.f_back
        if frame is not None:  # what follows the run is not interrupted
            raise KeyboardInterrupt

    def told(message: dict[str, Any]) -> None:
        if message["phase"] == "holds":
            pids.append(message["pid"])
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.002)

    usual = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, "much", told)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
    until = time.monotonic() + 30
    while is_alive(pids[0]):
        assert time.monotonic() < until
        time.sleep(0.01)
    gc.collect()
