"""A child process that does not want to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from harness.errors import EngineError
from harness.models.processes.frames import encode_frame
from harness.models.processes.process import ChildProcess

STUBBORN = """
import sys, time
from harness.models.processes.frames import encode_frame

sys.stdout.buffer.write(encode_frame({"ready": {}}))
sys.stdout.buffer.flush()
time.sleep(3600)
"""


def test_child_that_does_not_end_is_killed_when_its_closing_is_cancelled(tmp_path: Path) -> None:
    """As a second Ctrl-C does; otherwise it would outlive the run."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])

    async def run() -> int | None:
        child = ChildProcess("stubborn", "stubborn")
        await child.start({}, {"PYTHONPATH": paths})
        process = child._process
        assert process is not None
        closing = asyncio.create_task(child.close())
        await asyncio.sleep(0.1)
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        return await asyncio.wait_for(process.wait(), 60)

    assert asyncio.run(run()) == -9


def test_lines_are_counted_by_their_ends_however_they_come(tmp_path: Path) -> None:
    """Half a megabyte without an end is a line, also while it has none."""
    program = (
        "import sys\n"
        "print('é' * 250_000 + '\\n\\nsecond\\r\\nlast', end='', file=sys.stderr, flush=True)\n"
        "sys.stdin.read()\n"
    )

    async def printed() -> tuple[int, int, str]:
        process = ChildProcess("noisy", [sys.executable, "-c", program], folder=tmp_path)
        await process._spawn({"PYTHONIOENCODING": "utf-8"})
        async with asyncio.timeout(60):
            while not process.last_lines.endswith("last"):
                await asyncio.sleep(0.01)
        before = process.printed_lines
        await process.close()
        return before, process.printed_lines, process.last_lines

    before, after, last = asyncio.run(printed())
    assert before == after == 3
    assert last.split() == ["é" * 1_000, "second", "last"]


@pytest.mark.service
@pytest.mark.parametrize("own_session", [False, True])
def test_what_it_started_holds_up_neither_an_error_nor_the_end(tmp_path: Path, own_session: bool) -> None:
    """A server that an application starts lives on, and has the pipes of the application."""
    program = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen(['sleep', '60'], start_new_session={own_session})\n"
        "print(child.pid, file=sys.stderr, flush=True)\n"
        "sys.stdin.buffer.read(1)\nsys.exit(3)"
    )

    async def run() -> tuple[str, int]:
        process = ChildProcess("starter", [sys.executable, "-c", program], folder=tmp_path)
        await process._spawn({})
        async with asyncio.timeout(60):
            with pytest.raises(EngineError) as told:
                await process.ask({})
            await process.close()
        return str(told.value), int(process.last_lines)

    said, pid = asyncio.run(run())
    assert "its process ended with exit code 3" in said
    if own_session:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("written", [b"\2\0\0\0no", encode_frame({"ready": {}}) * 2])
def test_one_whose_answers_can_not_be_read_is_ended(tmp_path: Path, written: bytes) -> None:
    program = f"import os; os.write(1, {written!r}); input()"

    async def run() -> None:
        process = ChildProcess("broken", [sys.executable, "-c", program], folder=tmp_path)
        await process._spawn({})
        async with asyncio.timeout(60):
            with pytest.raises(EngineError, match="something else wrote where its answers come"):
                await process.ask({})
        await process.close()

    asyncio.run(run())
