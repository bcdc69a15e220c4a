"""The thread that writes: a lock of another process stops nothing but the writing."""

from __future__ import annotations

import asyncio
import threading

import pytest

from harness.errors import LockedError
from harness.requests.sampler import Writer


def test_a_lock_is_waited_for_while_the_loop_goes_on() -> None:
    free = threading.Event()

    def write() -> str:
        if not free.wait(0.01):
            raise LockedError("locked")
        return "written"

    async def run() -> tuple[str, int]:
        writer, turns = Writer(lambda: False), 0
        writing = asyncio.ensure_future(writer.write(write))
        while turns < 20:
            turns += 1
            await asyncio.sleep(0)
        assert not writing.done()
        free.set()
        written = await writing
        writer.close()
        return written, turns

    assert asyncio.run(run()) == ("written", 20)


def locked() -> None:
    raise LockedError("locked")


def test_who_waits_no_more_is_told_of_the_lock() -> None:
    async def run() -> None:
        writer = Writer(lambda: True)
        try:
            await writer.write(locked)
        finally:
            writer.close()

    with pytest.raises(LockedError, match="locked"):
        asyncio.run(run())


def test_a_long_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(lambda: False)
    assert writer.trouble == ""
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    writer._since = 68.0
    assert writer.trouble == "the store is locked by another process, for 32 s now"
    writer.close()
