"""A program that is asked in lines of JSON: a question on its standard input, an answer on its standard output.

A line that is no JSON object with the `id` of a question is taken for something that it printed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from harness.errors import EngineError, shortened
from harness.models.processes.process import ChildProcess

_SAYING = frozenset({"text", "messages", "tool_calls"})
"""Keys of which an answer has at least one."""
_NO_FLUSH = (
    "It wrote no line: its output may be buffered. Flush after each line (Python: flush=True, awk: fflush(), or "
    "stdbuf -oL before the command)."
)
_REMEDY = "Give each answer the `id` of its question, a number: without it, nothing says which question it is to."
UNCHANGED: Mapping[str, str] = MappingProxyType({})
"""The environment of a process that has that of this one."""
_ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}
"""Without it a program in Python would keep its answers back until it has some kilobytes of them."""


class LineProcess(ChildProcess):
    """The process of a command. What has no `id` is never an answer: of a draft and a final one, the second would be
    taken for the answer to the next question.
    """

    _names_ids = False
    """Whether it has answered with an id."""
    _has_written = False

    @property
    def why_silent(self) -> str:
        """The reason why it may have written nothing, and what to do."""
        return "" if self._has_written else _NO_FLUSH

    async def start_asking(self, environment: Mapping[str, str] = UNCHANGED) -> None:
        """Start the command with these variables; it need not say that it is ready."""
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
            self._has_written = True
            found = _read(bytes(block))
            if found is not None:
                return found
            self._printed(block.decode("utf-8", "replace"))
            block.clear()

    def _take(self, message: dict[str, Any]) -> None:
        given = message.get("id")
        if isinstance(given, str) and given.isascii() and given.isdecimal():
            given = int(given)
        number = given if type(given) is int else None  # true is none
        self._names_ids = self._names_ids or number is not None
        future = None if number is None else self._pending.get(number)
        if future is None:
            self._printed(json.dumps(message))
            if not self._names_ids and not _SAYING.isdisjoint(message):
                self._refuse(message)
        elif not future.done():
            future.set_result({"answer": {name: value for name, value in message.items() if name != "id"}})

    def _refuse(self, message: dict[str, Any]) -> None:
        """Fail what waits at once where the first answer has no `id` of a question, not at its time limit."""
        said = f"{self._command[0]} answered without the id of a question: {shortened(message)}. {_REMEDY}"
        for future in self._pending.values():
            if not future.done():
                future.set_result({"error": said, "cause": "an answer without an id"})


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):  # also what is no UTF-8
        return None
    return value if isinstance(value, dict) else None
