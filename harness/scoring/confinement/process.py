"""Starts a confined process for a program, waits for it, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import secrets
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.errors import CheckError
from harness.scoring.confinement.system_calls import filter_for

_CHILD = Path(__file__).with_name("child.py")
_START_S = 60.0
_LONGEST_RESULT = 1 << 16
_SHOWN = 200
_SYSTEM_FILES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use.

    Attributes:
        timeout_s: seconds of wall time, and of CPU time rounded up.
        memory_bytes: its address space, the interpreter's own included.
        file_bytes: the largest file that it writes, its output included.
        open_files: how many at once.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 512 << 20
    file_bytes: int = 16 << 20
    open_files: int = 64


class ConfinedRun:
    """One run of a program in a process of its own.

    Args:
        code: the program, or an answer with a fenced block that holds it.
        tests: run after it, in the same module.
        limits: what it may use.
    """

    def __init__(self, code: str, tests: str, limits: Limits) -> None:
        self._program = {"code": code, "tests": tests}
        self._limits = limits
        self._token = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def run(self) -> str | None:
        """Run it; blocks for at most `timeout_s` and the start of a process.

        Returns:
            None when the code and its tests got to their end, else what stopped them.

        Raises:
            CheckError: the process could not be started.
        """
        folder = tempfile.mkdtemp(prefix="steelyard-")
        try:
            with tempfile.TemporaryFile() as output:
                return self._run(folder, output)
        finally:
            _remove(folder)

    def stop(self) -> None:
        """End it early, from another thread."""
        self._stopped.set()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def _run(self, folder: str, output: IO[bytes]) -> str | None:
        process = self._process = _start(folder, output)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if self._stopped.is_set():
                return "stopped"
            self._send(process.stdin, process.pid, folder)
            answers = process.stdout.fileno()
            if not _wait_for(answers, time.monotonic() + _START_S) or os.read(answers, 1) != b".":
                _kill(process)
                if self._stopped.is_set():
                    return "stopped"
                raise CheckError(f"runs: the program's process did not start: {_how(process)}{_last_words(output)}")
            deadline = time.monotonic() + self._limits.timeout_s
            result = self._result(answers, deadline)
            if result is None and not _has_ended(process, deadline):
                return f"still ran after {self._limits.timeout_s:g} s"
            return self._reason(process, output) if result is None else self._said(result)
        finally:
            _kill(process)

    def _send(self, pipe: IO[bytes], process_id: int, folder: str) -> None:
        """Tell the process what to run. One that died before is found out by what it does not answer."""
        steps = filter_for(platform.machine(), process_id) if sys.platform == "linux" else None
        order = {
            **self._program,
            "folder": folder,
            "limits": {
                "CPU": math.ceil(self._limits.timeout_s),
                "AS": self._limits.memory_bytes,
                "FSIZE": self._limits.file_bytes,
                "NOFILE": self._limits.open_files,
            },
            "filter": steps.hex() if steps else None,
            "libraries": [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")],
            "readable": [str(Path(sys.base_prefix) / "lib"), *_SYSTEM_FILES],
            "token": self._token,
        }
        with contextlib.suppress(BrokenPipeError), pipe:
            pipe.write(json.dumps(order).encode())

    def _result(self, answers: int, deadline: float) -> dict[str, Any] | None:
        """What the process says of its end; None where it said nothing that is its own before the deadline."""
        said = b""
        while len(said) <= _LONGEST_RESULT and _wait_for(answers, deadline):
            part = os.read(answers, _LONGEST_RESULT)
            if not part:
                break
            said += part
        try:
            result = json.loads(said)
        except ValueError:
            return None
        return result if isinstance(result, dict) and result.get("token") == self._token else None

    def _said(self, result: dict[str, Any]) -> str | None:
        if result.get("memory"):
            return f"needs more than {self._limits.memory_bytes / 2**20:,.0f} MiB of memory"
        if result.get("too_large"):
            return f"writes more than {self._limits.file_bytes / 2**20:,.0f} MiB to a file or as output"
        return result.get("error")

    def _reason(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> str:
        """Of a process that ended without a word."""
        if process.returncode == -signal.SIGXCPU:
            return f"used more than {math.ceil(self._limits.timeout_s)} s of CPU time"
        return f"ended with {_how(process)} before it was done{_last_words(output)}"


def _start(folder: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process whose environment has nothing of this one's, in a session and so a process group of its own."""
    environment = {
        "PATH": os.defpath,
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    try:
        return subprocess.Popen(
            [sys.executable, "-s", "-P", "-S", "-B", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise CheckError(f"runs: {sys.executable} can't be started: {error}.") from error


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _last_words(output: IO[bytes]) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN))
    said = output.read().decode("utf-8", "replace").strip()
    return f": {said}" if said else ""


def _wait_for(pipe: int, deadline: float) -> bool:
    """Whether the pipe has something to read, or was closed, before the deadline."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _has_ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process with its whole group, and take back what it held. A group outlives its first process."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _remove(folder: str) -> None:
    """Remove a folder, however deep a program nested it."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", folder], check=False)
