"""Starts a confined process for a program, waits for it, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import secrets
import select
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from typing import IO, Any

from harness.errors import CheckError
from harness.scoring.confinement import sandboxes
from harness.scoring.confinement.limits import ProgramLimits
from harness.scoring.confinement.system_calls import filter_for
from harness.scoring.confinement.watching import Watch

_START_S = 60.0
_LOOK_S = 0.02
_LONGEST_RESULT = 1 << 16
_LONGEST_REASON = 2000
_LONGEST_NUMBER = 12
_SHOWN = 200
_FOLDER_OPTIONS = "size={disk_bytes},nr_inodes={inodes},mode=0700"
_FIRST_TRUNCATION_BY_LANDLOCK = 3


class ConfinedRun:
    """One run of a program in a process of its own.

    Args:
        code: the program, or an answer with a fenced block that holds it.
        tests: run after it, in the same module.
        limits: what it may use.
        sandbox: which walls stand around it, one of `harness.config.settings.SANDBOXES`.
    """

    def __init__(self, code: str, tests: str, limits: ProgramLimits, sandbox: str = "built-in") -> None:
        self._program = {"code": code, "tests": tests}
        self._limits = limits
        self._sandbox = sandbox
        self._token = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def run(self) -> str | None:
        """Run it; blocks for at most `timeout_s` and the start of a process.

        Returns:
            None when the code and its tests got to their end, else what stopped them.

        Raises:
            CheckError: the process could not be started, or walls of the sandbox are missing here.
        """
        missing = sandboxes.missing(self._sandbox)
        if missing is not None:
            raise CheckError(f"runs: {missing}")
        folder = tempfile.mkdtemp(prefix="steelyard-")
        try:
            with tempfile.TemporaryFile() as output:
                return self._run(folder, output)
        finally:
            remove(folder)

    def stop(self) -> None:
        """End it early, from another thread."""
        self._stopped.set()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def _run(self, folder: str, output: IO[bytes]) -> str | None:
        process = self._process = self._start(folder, output)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if self._stopped.is_set():
                return "stopped"
            answers = process.stdout.fileno()
            is_bounded = self._begin(process.stdin, answers, folder)
            if is_bounded is None:
                self._kill(process)
                if self._stopped.is_set():
                    return "stopped"
                raise CheckError(
                    f"runs: the program's process did not start: {self._how(process)}{_last_words(output)}"
                )
            limits = self._limits
            watch = Watch(
                process.pid,
                None if is_bounded else folder,
                threads=limits.threads,
                disk_bytes=limits.disk_bytes,
                files=limits.files,
            )
            said, reason = self._follow(process, answers, watch)
            if reason is not None:
                return _plain(reason)
            result = self._result(said)
            return _plain(self._reason(process, output) if result is None else self._said(result))
        finally:
            self._kill(process)

    def _start(self, folder: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """A process whose environment has nothing of this one's, in a session and so a process group of its own."""
        command = sandboxes.command(self._sandbox, folder, self._limits, self._token)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=folder,
                env=sandboxes.program_environment(self._sandbox, folder),
                start_new_session=True,
            )
        except OSError as error:
            raise CheckError(f"runs: {command[0]} can't be started: {error}.") from error

    def _begin(self, orders: IO[bytes], answers: int, folder: str) -> bool | None:
        """Tell the process what to run, once it has told its number; it then puts its walls up.

        Returns:
            Whether its folder has bounds of its own; None where it did not come so far.
        """
        deadline = time.monotonic() + _START_S
        number = b""
        while not number.endswith(b"\n"):
            part = os.read(answers, 1) if len(number) < _LONGEST_NUMBER and _wait_for(answers, deadline) else b""
            if not part:
                return None
            number += part
        with contextlib.suppress(BrokenPipeError), orders:
            orders.write(json.dumps(self._order(int(number), folder)).encode())
        sign = os.read(answers, 1) if _wait_for(answers, deadline) else b""
        return {b":": True, b".": False}.get(sign)

    def _order(self, process_id: int, folder: str) -> dict[str, Any]:
        """Put together what the process needs to know."""
        limits, landlock = self._limits, sandboxes.landlock_version()
        steps = None
        if sys.platform == "linux":
            steps = filter_for(process_id, truncates=landlock >= _FIRST_TRUNCATION_BY_LANDLOCK)
        return {
            **self._program,
            **sandboxes.places(self._sandbox, folder),
            "landlock": landlock,
            "folder_options": _FOLDER_OPTIONS.format(disk_bytes=limits.disk_bytes, inodes=limits.files + 1),
            "threads": limits.threads,
            "limits": {
                "CPU": math.ceil(limits.timeout_s),
                "AS": limits.memory_bytes,
                "FSIZE": limits.file_bytes,
                "NOFILE": limits.open_files,
            },
            "filter": steps.hex() if steps else None,
            "token": self._token,
        }

    def _follow(self, process: subprocess.Popen[bytes], answers: int, watch: Watch) -> tuple[bytes, str | None]:
        """Read what the process says until it ends, and tell why it was not let go on; None where it was."""
        deadline = time.monotonic() + self._limits.timeout_s
        said, is_open, next_look = b"", True, 0.0
        while (now := time.monotonic()) < deadline:
            if now >= next_look:
                if (excess := watch.excess()) is not None:
                    return said, excess
                next_look = now + _LOOK_S
            if not is_open:
                if _has_ended(process, min(deadline, next_look)):
                    return said, None
            elif _wait_for(answers, min(deadline, next_look)):
                part = os.read(answers, _LONGEST_RESULT)
                said += part
                is_open = bool(part) and len(said) <= _LONGEST_RESULT
                if not part and self._result(said) is not None:
                    return said, None
        return said, None if self._result(said) is not None else f"still ran after {self._limits.timeout_s:g} s"

    def _result(self, said: bytes) -> dict[str, Any] | None:
        """Read what the process says of its end; None where it said nothing that is its own."""
        try:
            result = json.loads(said)
        except (ValueError, RecursionError):
            return None
        if not isinstance(result, dict) or result.get("token") != self._token:
            return None
        return result if isinstance(result.get("error", ""), str) else None

    def _said(self, result: dict[str, Any]) -> str | None:
        limits = self._limits
        if result.get("memory"):
            return f"needs more than {limits.memory_bytes / 2**20:,.0f} MiB of memory"
        if result.get("errno") == errno.EFBIG:
            return f"writes more than {limits.file_bytes / 2**20:,.0f} MiB to a file or as output"
        if result.get("errno") == errno.ENOSPC:
            most = f"{limits.disk_bytes / 2**20:,.0f} MiB in all"
            return f"writes more than {most}, or makes more than {limits.files:,} files"
        return result.get("error")

    def _reason(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> str:
        """Of a process that ended without a word."""
        if sandboxes.ended_by(self._sandbox, process.returncode) == signal.SIGXCPU:
            return f"used more than {math.ceil(self._limits.timeout_s)} s of CPU time"
        return f"ended with {self._how(process)} before it was done{_last_words(output)}"

    def _how(self, process: subprocess.Popen[bytes]) -> str:
        number = sandboxes.ended_by(self._sandbox, process.returncode)
        if number is None:
            return f"exit code {process.returncode}"
        try:
            return signal.Signals(number).name
        except ValueError:  # a real-time signal has no name
            return f"signal {number}"

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """End the process with its whole group, and take back what it held. A group outlives its first process."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        sandboxes.clear(self._sandbox, self._token)


def _last_words(output: IO[bytes]) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN))
    said = output.read().decode("utf-8", "replace").strip()
    return f": {said}" if said else ""


def _wait_for(pipe: int, deadline: float) -> bool:
    """Wait for the pipe to have something to read, or to be closed; False where the deadline came first."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _has_ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _plain(reason: str | None) -> str | None:
    """A reason that any store and any terminal takes: what is no character of a text is replaced."""
    if reason is None:
        return None
    shown = reason[:_LONGEST_REASON].encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in shown)


_ALL_OF_OWNER = 0o700


def remove(folder: str) -> None:
    """Remove a folder with all that is in it: nested however deep, named however, with modes that forbid it.

    A folder in a folder is first moved to the top: so no path gets longer than the system allows, and nothing recurs.
    """
    top = os.fsencode(folder)
    numbers = itertools.count()
    waiting = deque([top])
    while waiting:
        place = waiting.popleft()
        for path in _opened(place):
            with contextlib.suppress(OSError):
                if not _is_folder(path):
                    os.unlink(path)  # noqa: PTH108 - paths are bytes here, which need not be text
                else:
                    waiting.append(path if place == top else _lift(path, top, numbers))
        if place != top:
            with contextlib.suppress(OSError):
                os.rmdir(place)  # noqa: PTH106
    with contextlib.suppress(OSError):
        os.rmdir(top)  # noqa: PTH106


def _opened(folder: bytes) -> list[bytes]:
    """Let its owner read and change a folder, and list what is in it."""
    with contextlib.suppress(OSError):
        os.chmod(folder, _ALL_OF_OWNER)  # noqa: PTH101
        return [os.path.join(folder, name) for name in os.listdir(folder)]  # noqa: PTH118, PTH208
    return []


def _is_folder(path: bytes) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _lift(path: bytes, top: bytes, numbers: itertools.count[int]) -> bytes:
    """Move a folder to the top under a free name. To be moved it must be writable: it names the folder above it."""
    os.chmod(path, _ALL_OF_OWNER)  # noqa: PTH101
    while True:
        lifted = os.path.join(top, b"%d" % next(numbers))  # noqa: PTH118
        if not os.path.lexists(lifted):
            os.rename(path, lifted)  # noqa: PTH104
            return lifted
