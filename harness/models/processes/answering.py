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


class AnsweringProcess:
    """A module of Steelyard in a process and a session of its own. Threads that ask at once are answered in turn.

    Args:
        name: what it is, for messages, such as "The process that loads the tokenizer".
        module: calls `answer_messages`.
    """

    def __init__(self, name: str, module: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment({**_ALONE, "OMP_NUM_THREADS": str(shared_threads())}),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and wait for what comes of it: {"answer": …}, or {"error": why there is none}.

        Raises:
            EngineError: the process has ended.
        """
        messages, answers = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        with self._lock:
            try:
                messages.write(encode_frame(dict(message)))
                messages.flush()
                answer = read_frame(answers)
            except (OSError, ValueError):  # it is gone, or was closed
                answer = None
        if answer is None:
            raise EngineError(f"{self._name} {how_it_ended(self._process.wait())}.")
        return answer

    def close(self) -> None:
        """End the process at once: it has nothing to put away."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast(BinaryIO, pipe).close()


class AskedProcess:
    """An `AnsweringProcess` that starts when it is first asked, gives answers alone, and computes none of them twice:
    several evaluations ask the same of one text.

    Args:
        name, module: as of an `AnsweringProcess`.
        start: its first message.
    """

    def __init__(self, name: str, module: str, start: Mapping[str, Any]) -> None:
        self._name = name
        self._module = module
        self._start = start
        self._process: AnsweringProcess | None = None
        self._answers: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Its id; None where it is not started."""
        return None if self._process is None else self._process.pid

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and wait for its answer, or give the answer that it had; the process is started first if it
        was not.

        Raises:
            SettingsError: it could not start.
            EngineError: there is no answer, with the reason, or the process has ended or was closed.
        """
        key = hashlib.sha256(encode_frame(dict(message))).digest()
        with self._lock:
            if key not in self._answers:
                if self._is_closed:
                    raise EngineError(f"{self._name} was closed.")
                process = self._process  # which `close` may take away meanwhile
                if process is None:
                    process = self._process = self._started()
                reply = process.ask(message)
                if "error" in reply:
                    raise EngineError(reply["error"])
                self._answers[key] = encode_frame(reply)
                if len(self._answers) > _KEPT:
                    del self._answers[next(iter(self._answers))]
            answer: dict[str, Any] = (parse_frame(self._answers[key]) or {})["answer"]
            return answer

    def _started(self) -> AnsweringProcess:
        process = AnsweringProcess(self._name, self._module)
        try:
            ready = process.ask(self._start)
        except EngineError:
            process.close()
            raise
        if "error" in ready or self._is_closed:
            process.close()
            raise SettingsError(f"{self._name} could not start: {ready.get('error', 'it was closed')}")
        return process

    def close(self) -> None:
        """End the process; who waits for an answer, or asks later, is told."""
        self._is_closed = True
        process, self._process = self._process, None
        if process is not None:
            process.close()


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
