"""A program that is asked in lines of JSON: a question on its standard input, an answer on its standard output.

A line that is no JSON object with the `id` of a question is taken for something that it printed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from harness.errors import FailedDrawError, shortened
from harness.models.application.worker import UNREADABLE
from harness.models.processes.worker import Progress, Worker

UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
"""Without it a program in Python would keep its answers back until it has some kilobytes of them."""
_SAYING = frozenset({"text", "messages", "tool_calls"})
"""Keys of which an answer has at least one."""


class LineWorker(Worker):
    """The process of a command. What has no `id` is never an answer: of a draft and a final one, the second would be
    taken for the answer to the next question.
    """

    ready: Any = MappingProxyType({"takes_messages": True, "options": ("sampling",), "is_async": False})
    _names_ids = False
    """Whether it has answered with an id."""
    why_silent = (
        "It wrote no line: its output may be buffered. Flush after each line (Python: flush=True, awk: fflush(), or "
        "stdbuf -oL before the command)."
    )

    async def call(self, op: str, payload: Mapping[str, Any], progress: Progress | None = None) -> Any:
        """Ask a question, whatever the operation is. Raises FailedDrawError: the program said that it failed."""
        reply = await super().call(op, payload, progress)
        error = reply.pop("error", None)
        if error is not None:  # an error of null says that it did not fail
            raise FailedDrawError(f"{self.name} says: {error}.", UNREADABLE)
        return {"answer": {name: value for name, value in reply.items() if name != "id"}}

    def _write(self, message: dict[str, Any]) -> None:
        """Say nothing of a question that is given up: an answer that nobody waits for is dropped."""
        if "close" in message:
            self._input.close()
        elif "cancel" not in message:
            super()._write({"id": message["id"], **message["payload"]})

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's
        """Take in the last line, which needs no end."""
        if fd == 1 and self._received:
            self._read(bytes(self._received))

    def _read(self, line: bytes) -> None:
        self.why_silent = ""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):  # also what is no UTF-8
            message = None
        given = message.get("id") if isinstance(message, dict) else None
        if isinstance(given, str) and given.isascii() and given.isdecimal():
            given = int(given)
        number = given if type(given) is int else -1  # true is none
        self._names_ids = self._names_ids or number >= 0
        future, _ = self._pending.get(number, (None, None))
        if future is not None:
            if not future.done():
                future.set_result(message)
            return
        self._note_lines(line)
        if isinstance(message, dict) and not self._names_ids and not _SAYING.isdisjoint(message):
            # At once where the first answer has no `id` of a question, and not at the time limit.
            text = (
                f"{self.name} answered without the id of a question: {shortened(message)}. Give each answer the `id` "
                "of its question, a number: without it, nothing says which question it is to."
            )
            self._fail(FailedDrawError(text, cause="an answer without an id"))
