"""What the workers of tests do."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import FailedDrawError, NotInLineageError, SettingsError


def order(text: str, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Tell of a beginning, and carry an order out."""
    progress({"phase": "begins", "pid": os.getpid()})
    print("asked for", text)
    if text == "much":
        held = b"x" * 200_000_000
        progress({"phase": f"holds {len(held)}", "pid": os.getpid()})
        signal.pause()
    if text == "exit":
        os._exit(3)
    return {"made": text}


class Desk:
    """Does one thing after the other."""

    ready = "ready"

    def __init__(self, fails: bool = False) -> None:
        if fails:
            raise SettingsError("no such weights")
        self._count = itertools.count(1)
        os.write(1, b"what a library writes")
        print("what a library prints")

    def divide(self, by: int) -> float:
        return 1 / by

    def count(self, name: str) -> int:
        return next(self._count)

    def length(self, text: str) -> tuple[int, str]:
        return len(text), text

    def hang(self, mark: str) -> None:
        Path(mark).touch()
        signal.pause()

    def refuse(self, how: str) -> None:
        if how == "a draw":
            raise FailedDrawError("it failed", cause="a reason")
        raise NotInLineageError("small", "weights", 'weights = "…"')

    def start_others(self) -> list[int]:
        """A process in a session of its own, and one of the group whose parent has ended."""
        own = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
        code = "import subprocess as s; print(s.Popen(['sleep', '600'], stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
        left = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        return [own.pid, int(left.stdout)]


class Room:
    """Does all that it is asked side by side."""

    is_async = True

    def __init__(self) -> None:
        self._here: set[str] = set()
        self._left: list[str] = []
        self._changed = asyncio.Event()

    async def meet(self, name: str, other: str) -> str:
        """Wait until another one is here."""
        self._here.add(name)
        self._changed.set()
        try:
            while other not in self._here:
                self._changed.clear()
                await self._changed.wait()
        except asyncio.CancelledError:
            self._left.append(name)
            raise
        return f"{name} met {other}"

    def left(self) -> list[str]:
        return self._left

    async def close(self) -> None:
        print(f"closed without {len(self._left)}")
