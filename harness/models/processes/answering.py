"""A child process that answers one message at a time, for callers that wait: both ends of it.

What it answers to its first message says that it is ready. It ends when its input does, which also happens when the
parent is killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

from harness.config import child_environment
from harness.config.environment import shared_threads
from harness.errors import EngineError, SettingsError, SteelyardError
from harness.models.processes.ends import answer_pipe, how_it_ended
from harness.models.processes.frames import encode_frame, parse_frame, read_frame

_ALONE = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_NO_USAGE_STATS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}

_KEPT = 1000
"""Answers that are kept, as they came: those to 2,048 tokens have some 100 kB each."""

Answering = Callable[[dict[str, Any]], Any]
"""The child's function that answers one message."""


class AskedProcess:
    """A module of Steelyard in a process and a session of its own, which its first question starts. Threads that ask at
    once are answered in turn, and nothing is computed twice: several evaluations ask the same of one text.

    Args:
        name: what it is, for messages, such as "The process that loads the tokenizer".
        module: calls `answer_messages`.
        start: its first message.
    """

    def __init__(self, name: str, module: str, start: Mapping[str, Any]) -> None:
        self._name = name
        self._module = module
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Its id; None where it is not started."""
        return None if self._process is None else self._process.pid

    def ask(self, message: Mapping[str, Any]) -> Any:
        """Send a message and wait for its answer, or give the answer that it had.

        Raises:
            SettingsError: the process could not start.
            EngineError: there is no answer, with the reason, or the process has ended or was closed.
        """
        key = hashlib.sha256(encode_frame(dict(message))).digest()
        with self._lock:
            if key not in self._answers:
                reply = self._exchange(self._process or self._started(), message)
                if "error" in reply:
                    raise EngineError(reply["error"])
                self._answers[key] = encode_frame(reply)
                if len(self._answers) > _KEPT:
                    del self._answers[next(iter(self._answers))]
            return (parse_frame(self._answers[key]) or {})["answer"]

    def _started(self) -> subprocess.Popen[bytes]:
        if self._is_closed:
            raise EngineError(f"{self._name} was closed.")
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment({**_ALONE, "OMP_NUM_THREADS": str(shared_threads())}),
            start_new_session=True,
        )
        try:
            ready = self._exchange(process, self._start)
        except EngineError:
            self._end()
            raise
        if "error" in ready or self._is_closed:
            self._end()
            raise SettingsError(f"{self._name} could not start: {ready.get('error', 'it was closed')}")
        return process

    def _exchange(self, process: subprocess.Popen[bytes], message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message, and give {"answer": …}, or {"error": why there is none}."""
        messages, answers = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        try:
            messages.write(encode_frame(dict(message)))
            messages.flush()
            reply = read_frame(answers)
        except (OSError, ValueError):  # it is gone, or was closed
            reply = None
        if reply is None:
            raise EngineError(f"{self._name} {how_it_ended(process.wait())}.")
        return reply

    def close(self) -> None:
        """End the process; who waits for an answer, or asks later, is told."""
        self._is_closed = True
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                cast(BinaryIO, pipe).close()


def answer_messages(load: Callable[[dict[str, Any]], tuple[Any, Answering]]) -> None:
    """Be the child: load what the first message asks for, then answer messages until the input ends.

    Whatever a library prints goes to the standard error.

    Args:
        load: gives the answer to the first message, and what answers those after it.
    """
    answers = answer_pipe()
    answering: Answering | None = None
    while (message := read_frame(sys.stdin.buffer)) is not None:
        try:
            if answering is None:
                first, answering = load(message)
                reply = {"answer": first}
            else:
                reply = {"answer": answering(message)}
        except Exception as error:  # noqa: BLE001  whatever a model's or tokenizer's code raises must reach the parent
            reason = str(error) if isinstance(error, SteelyardError) else f"{type(error).__name__}: {error}"
            reply = {"error": reason}
        answers.write(encode_frame(reply))
        if answering is None:
            return
