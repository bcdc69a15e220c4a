"""A process that answers one message after the other, started when it is first asked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from harness.config import child_environment
from harness.errors import EngineError, SettingsError
from harness.models.processes.frames import encode_frame, read_frame

_ALONE = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
_GRACE_S = 5.0


class AskedProcess:
    """A module of Steelyard in a process of its own, which answers messages in order.

    Args:
        module: that is run. Its first message is `start`, which it answers once it is ready, with `failed` otherwise.
        start: what it needs.
        who: it is, for messages.
    """

    def __init__(self, module: str, start: Mapping[str, Any], who: str) -> None:
        self._module = module
        self._start = dict(start)
        self._who = who
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The id of the process; None where it is not started."""
        return None if self._process is None else self._process.pid

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send one message and wait for its answer; the process is started first if it was not.

        Raises:
            SettingsError, EngineError: it could not start, or has ended.
        """
        with self._lock:
            if self._process is None:
                self._process = self._started()
            return self._exchange(self._process, dict(message))

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(_ALONE),
            start_new_session=True,
        )
        ready = self._exchange(process, self._start)
        if "failed" in ready:
            _end(process)
            raise SettingsError(f"{self._who} could not start: {ready['failed']}")
        return process

    def _exchange(self, process: subprocess.Popen[bytes], message: dict[str, Any]) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(encode_frame(message))
            process.stdin.flush()
            answer = read_frame(cast("BinaryIO", process.stdout))
        except (BrokenPipeError, ValueError):
            answer = None
        if answer is None:
            raise EngineError(
                f"The process of {self._who[0].lower()}{self._who[1:]} ended (exit code {process.wait()}); the system "
                "ends processes when memory runs out."
            )
        return answer

    def close(self) -> None:
        """End the process: kindly, and after some seconds by force."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
