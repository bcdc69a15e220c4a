"""A program that is asked in lines of JSON: a question on its standard input, an answer on its standard output.

A line that is no JSON object is taken for something that it printed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from harness.errors import EngineError
from harness.models.processes.process import ChildProcess

_SAYING = frozenset({"text", "messages", "tool_calls", "choices", "output", "answer", "error"})
"""An object without an `id` and any of these is none that answers: such as a line of a log."""
UNCHANGED: Mapping[str, str] = MappingProxyType({})
"""The environment of a process that has that of this one."""
_ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}
"""Without it a program in Python would keep its answers back until it has some kilobytes of them."""


class LineProcess(ChildProcess):
    """The process of a command; answers that name no `id` are those to the only question that waits."""

    async def start_asking(self, environment: Mapping[str, str] = UNCHANGED) -> None:
        """Start the command; it need not say that it is ready.

        Args:
            environment: variables that it has otherwise than this process.

        Raises:
            EngineError: it can't be started.
        """
        try:
            await self._spawn({**_ENVIRONMENT, **environment})
        except OSError as error:
            raise EngineError(f"{self._name} could not start: {self._command[0]}: {error.strerror}.") from None
        assert self._ready is not None
        self._ready.set_result({})

    def _give_up(self, request_id: int) -> None:
        """Nothing is said to the program: an answer that nobody waits for is dropped."""

    def _encoded(self, message: dict[str, Any]) -> bytes:
        return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"

    async def _receive(self, stream: asyncio.StreamReader) -> dict[str, Any] | None:
        block = bytearray()
        while True:
            try:
                block += await stream.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:  # longer than what the stream holds at a time
                block += await stream.readexactly(error.consumed)
                continue
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                block += getattr(error, "partial", b"")
                if not block:
                    return None
            found = _read(bytes(block))
            if found is not None:
                return found
            self._printed(block.decode("utf-8", "replace"))
            block.clear()

    def _take(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if number is None and len(self._pending) == 1 and not _SAYING.isdisjoint(message):
            number = next(iter(self._pending))
        future = self._pending.get(number) if isinstance(number, int) else None
        if future is None:
            self._printed(json.dumps(message))
        elif not future.done():
            future.set_result({"answer": {name: value for name, value in message.items() if name != "id"}})


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
