"""A program that is asked in lines of JSON: a question on its standard input, an answer on its standard output.

A line that is no JSON object with the `id` of a question is taken for something that it printed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from harness.errors import FailedDrawError, shortened
from harness.models.application.returned import UnreadableAnswerError, read_answer
from harness.models.processes.worker import UNCHANGED, Progress, Worker

_SAYING = frozenset({"text", "messages", "tool_calls"})
"""Keys of which an answer has at least one."""
_NO_FLUSH = (
    "It wrote no line: its output may be buffered. Flush after each line (Python: flush=True, awk: fflush(), or "
    "stdbuf -oL before the command)."
)
_REMEDY = "Give each answer the `id` of its question, a number: without it, nothing says which question it is to."
_ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}
"""Without it a program in Python would keep its answers back until it has some kilobytes of them."""


class LineWorker(Worker):
    """The process of a command. What has no `id` is never an answer: of a draft and a final one, the second would be
    taken for the answer to the next question.
    """

    _names_ids = False
    """Whether it has answered with an id."""
    _program = ""
    why_silent = _NO_FLUSH

    @classmethod
    async def run(cls, command: Sequence[str], env: Mapping[str, str] = UNCHANGED, *, name: str, folder: Path) -> Self:
        """Start a command; it need not say that it is ready. Raises EngineError: it can't be run."""
        worker = await cls.spawn(command, {**_ENVIRONMENT, **env}, name=name, folder=folder)
        worker._program = command[0]
        return worker

    async def call(self, op: str, payload: Mapping[str, Any], progress: Progress | None = None) -> Any:
        """Ask a question, whatever the operation is.

        Raises:
            FailedDrawError: the program said that it failed, or gave no answer that can be read.
        """
        reply = await super().call(op, payload, progress)
        try:
            if reply.get("error") is not None:  # an error of null says that it did not fail
                raise UnreadableAnswerError(f"says: {reply['error']}")
            fields = {name: value for name, value in reply.items() if name not in ("id", "error")}
            return {"answer": read_answer(fields, payload["messages"])}
        except UnreadableAnswerError as error:
            raise FailedDrawError(f"{self.name}: {self._program} {error}.") from None

    def _encode(self, number: int, op: str, payload: Mapping[str, Any], progress: bool) -> bytes:  # noqa: ARG002
        return json.dumps({"id": number, **payload}, separators=(",", ":")).encode("ascii") + b"\n"

    def _cancel(self, number: int) -> None:
        """Say nothing to the program: an answer that nobody waits for is dropped."""

    def _ask_to_end(self) -> None:
        self._input.close()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's
        """Take in the last line, which needs no end."""
        if fd == 1 and self._received:
            self._received += b"\n"
            self._read()

    def _read(self) -> None:
        *lines, rest = self._received.split(b"\n")
        self._received = rest
        for line in lines:
            self.why_silent = ""
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):  # also what is no UTF-8
                message = None
            if isinstance(message, dict):
                self._take(message)
            else:
                self._note_lines(bytes(line))

    def _take(self, message: dict[str, Any]) -> None:
        given = message.get("id")
        if isinstance(given, str) and given.isascii() and given.isdecimal():
            given = int(given)
        number = given if type(given) is int else -1  # true is none
        self._names_ids = self._names_ids or number >= 0
        future, _ = self._pending.get(number, (None, None))
        if future is None:
            self._note_lines(json.dumps(message).encode())
            if not self._names_ids and not _SAYING.isdisjoint(message):
                self._refuse(message)
        elif not future.done():
            future.set_result(message)

    def _refuse(self, message: dict[str, Any]) -> None:
        """Fail what waits at once where the first answer has no `id` of a question, not at its time limit."""
        said = f"{self.name}: {self._program} answered without the id of a question: {shortened(message)}. {_REMEDY}"
        for future, _ in self._pending.values():
            if not future.done():
                future.set_exception(FailedDrawError(said, cause="an answer without an id"))
