"""Runs a program and its tests, each in a confined process of its own, waits for them, and leaves nothing behind."""

from __future__ import annotations

import errno
import json
import math
import os
import select
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from harness.errors import CheckError
from harness.scoring.confinement import sandboxes
from harness.scoring.confinement.child import CALL, RESULT
from harness.scoring.confinement.sandboxes import ProgramLimits

_WAYS_OUT = {
    "built-in": 'Set sandbox = "container" in [tool.steelyard], with podman or docker installed.',
    "container": "Install podman or docker.",
}
_START_S = 60.0
_LOOK_S = 0.02
_PIPE_BYTES = 1 << 16
_LONGEST_REASON = 2000
_SHOWN = 200
_BLOCK_BYTES = 512
_OPEN_ARE_ENOUGH = 256


class _Ended(Exception):  # noqa: N818 - no fault of ours
    """A process ended, or was seen beyond a limit; the message is the reason of the score."""


class ConfinedRun:
    """One run of a program, and of its tests in a second process that the program can't reach.

    Args:
        code: the program, or an answer with a fenced block that holds it.
        tests: what calls its functions; with "" it has to get to its end.
        limits: what each of the two may use.
        sandbox: one of `harness.config.settings.SANDBOXES`.
    """

    def __init__(self, code: str, tests: str, limits: ProgramLimits, sandbox: str = "built-in") -> None:
        self._code, self._tests, self._limits, self._sandbox = code, tests, limits, sandbox
        self._processes: list[_Process] = []
        self._stopped = threading.Event()

    def run(self) -> str | None:
        """Run it; blocks for at most `timeout_s` and the start of the processes.

        Returns:
            None when the tests, or without any the program, got to their end, else what stopped them.

        Raises:
            CheckError: a process could not be started, a part of the sandbox is missing here, or the tests give the
                program what can't cross a pipe.
        """
        reason = sandboxes.lacks(self._sandbox)
        if reason is not None:
            raise CheckError(f"runs: {reason}. {_WAYS_OUT[self._sandbox]}")
        with ExitStack() as stack:
            for _ in range(2 if self._tests else 1):
                process = _Process(self._sandbox == "container", self._limits, self._processes)
                stack.callback(process.end)
                self._processes.append(process)
            program, *tests = self._processes
            try:
                if self._stopped.is_set():
                    return "stopped"
                for each in tests:
                    each.begin({"tests": self._tests})
                program.begin({"code": self._code, "is_main": not tests})
                deadline = time.monotonic() + self._limits.timeout_s
                reason = self._judged(deadline, program, *tests) if tests else program.ending(deadline)
            except (_Ended, CheckError) as end:
                reason = str(end)
                if isinstance(end, CheckError) and not self._stopped.is_set():
                    raise
            return "stopped" if self._stopped.is_set() else _plain(reason)

    def stop(self) -> None:
        """End it early, from another thread."""
        self._stopped.set()
        for each in self._processes:
            each.kill()

    def _judged(self, deadline: float, program: _Process, tests: _Process) -> str | None:
        """Hand calls and answers on until the tests end."""
        while True:
            answer = program.receive(deadline)
            if not answer.endswith(b"\n"):
                return program.how_it_ended(deadline)
            tests.send(answer, deadline)
            line = tests.receive(deadline)
            if not line:
                return f"the tests' process {tests.how_it_ended(deadline)}"
            kind, content = line[:1], line[1:]
            if kind == RESULT:
                reason: str | None = json.loads(content)
                return reason
            if kind != CALL:
                raise CheckError(f"runs: {json.loads(content)}.")
            program.send(content, deadline)


class _Process:
    """One confined process, with a session and so a process group of its own: lines of JSON go in and come out.

    Args:
        together: those of a run, all of which are looked at while one of them is waited for.

    Raises:
        CheckError: it can't be started.
    """

    def __init__(self, is_container: bool, limits: ProgramLimits, together: Sequence[_Process]) -> None:
        self._is_container, self._limits, self._together = is_container, limits, together
        self._unread = bytearray()
        self._is_ready = False
        self._folder = tempfile.mkdtemp(prefix="steelyard-")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed at its end
        command, environment = sandboxes.command(is_container, limits, self._folder)
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
        place: dict[str, Any] = {"env": environment, "cwd": self._folder, "start_new_session": True}
        try:
            self._process = subprocess.Popen(command, **pipes, **place, bufsize=0)
        except OSError as error:
            self._errors.close()
            remove(self._folder)
            raise CheckError(f"runs: {command[0]} can't be started: {error}.") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipes = self._process.stdin, self._process.stdout, self._errors
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)

    def end(self) -> None:
        """End it with its whole group, which outlives its first process, and take back what it held."""
        self.kill()
        self._process.wait()
        for pipe in self._pipes:
            pipe.close()
        if self._is_container:
            sandboxes.end_container(self._folder)
        remove(self._folder)

    def kill(self) -> None:
        """End it, from any thread."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def begin(self, work: dict[str, Any]) -> None:
        """Tell the process what to run, and wait until it has given up its rights.

        Raises:
            CheckError: it did not come so far.
        """
        deadline = time.monotonic() + _START_S
        order = {**work, **sandboxes.rights(self._is_container, self._folder, self._process.pid), **self._bounds()}
        try:
            self.send(json.dumps(order).encode() + b"\n", deadline)
            self._is_ready = self.receive(deadline) == b"ready\n"
        except _Ended:
            pass
        if not self._is_ready:
            raise CheckError(f"runs: the program's process did not start: {self.how_it_ended(deadline)}")

    def _bounds(self) -> dict[str, Any]:
        """The limits that the kernel holds the process to, and what is said of one that reaches them."""
        limits = self._limits
        return {
            "limits": {
                "CPU": math.ceil(limits.timeout_s),
                "AS": limits.memory_bytes,
                "FSIZE": limits.file_bytes,
                "NOFILE": limits.open_files,
            },
            "reasons": {
                "memory": f"needs more than {limits.memory_bytes / 2**20:,.0f} MiB of memory",
                errno.EFBIG: f"writes more than {limits.file_bytes / 2**20:,.0f} MiB to a file or as output",
                errno.ENOSPC: f"writes more than {limits.disk_bytes / 2**20:,.0f} MiB in all",
            },
        }

    def receive(self, deadline: float) -> bytes:
        """The next line; less than one where it closed the pipe.

        Raises:
            _Ended: it says too much, the deadline came, or one of those of the run is beyond a limit.
        """
        part = bytes(self._unread)
        while b"\n" not in part:
            self._wait(self._out, select.POLLIN, deadline)
            part = os.read(self._out, _PIPE_BYTES)
            self._unread += part
            if len(self._unread) > self._limits.file_bytes:
                raise _Ended(f"answers with more than {self._limits.file_bytes / 2**20:,.0f} MiB")
            if not part:
                break
        line, end, self._unread = self._unread.partition(b"\n")
        return bytes(line + end)

    def send(self, line: bytes, deadline: float) -> None:
        """Write a line, as `receive` waits; where nobody reads any more, the next `receive` finds out."""
        with suppress(BrokenPipeError):
            while line:
                self._wait(self._in, select.POLLOUT, deadline)
                line = line[os.write(self._in, line[:_PIPE_BYTES]) :]

    def _wait(self, pipe: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        while True:
            for each in self._together:
                each.look()
            if poll.poll(1000 * self._left_s(deadline)):
                return

    def _left_s(self, deadline: float) -> float:
        """The time to wait until the next look."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise _Ended(f"still ran after {self._limits.timeout_s:g} s")
        return min(left, _LOOK_S)

    def look(self) -> None:
        """Raise `_Ended` where it is beyond a limit that the kernel does not hold it to."""
        if self._is_ready and not self._is_container:
            reason = excess(self._process.pid, self._folder, self._limits)
            if reason is not None:
                raise _Ended(reason)

    def ending(self, deadline: float) -> str | None:
        """Return how a program without tests ended: None where its exit code is 0."""
        line = self.receive(deadline)
        how = self.how_it_ended(deadline)
        if self._process.returncode == 0:
            return None
        try:
            return str(json.loads(line)["error"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return how

    def how_it_ended(self, deadline: float) -> str:
        """Say how it ended that has closed its pipe; `_Ended` where it has not, until the deadline."""
        while self._process.poll() is None:
            self.look()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._left_s(deadline))
        code = self._process.returncode
        # What runs a container adds 128 to the number of the signal.
        number = -code if code < 0 else code - 128 if code > 128 and self._is_container else None
        if number == signal.SIGXCPU:
            return f"used more than {math.ceil(self._limits.timeout_s)} s of CPU time"
        how = f"exit code {code}" if number is None else f"signal {number}"
        with suppress(ValueError):  # a real-time signal has no name
            how = how if number is None else signal.Signals(number).name
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _SHOWN))
        output = self._errors.read().decode("utf-8", "replace").strip()
        return f"ended with {how} before it was done{f': {output}' if output else ''}"


def _plain(reason: str | None) -> str | None:
    """A reason that any store and any terminal takes: what is no character of a text is replaced."""
    if reason is None:
        return None
    shown = reason[:_LONGEST_REASON].encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in shown)


def excess(process_id: int, folder: str, limits: ProgramLimits) -> str | None:
    """Say which threads or files a process has too many of; None while all is within bounds. Each look costs a system
    call for each file.
    """
    proc = Path("/proc", str(process_id))
    with suppress(OSError):  # it is gone, or the system does not tell
        if (proc / "task").stat().st_nlink - 2 > limits.threads:
            return f"starts more than {limits.threads} threads"
    used = 0
    try:
        for n_files, status in enumerate(chain(_beneath(folder), _unlinked(proc)), 1):
            used += status.st_blocks * _BLOCK_BYTES
            if used > limits.disk_bytes:
                return f"writes more than {limits.disk_bytes / 2**20:,.0f} MiB in all"
            if n_files > limits.files:
                return f"makes more than {limits.files:,} files"
    except OSError as error:
        return f"makes folders that can't be looked into ({errno.errorcode.get(error.errno or 0)})"
    return None


def _beneath(folder: str) -> Iterator[os.stat_result]:
    """The status of each thing in a folder, however deep. What vanishes meanwhile is left out."""
    waiting = [folder]
    while waiting:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                yield status
                waiting += [entry.path] if stat.S_ISDIR(status.st_mode) else []


def _unlinked(proc: Path) -> Iterator[os.stat_result]:
    """The status of each file that the process has open and that has no name any more."""
    with suppress(OSError):
        for descriptor in islice((proc / "fd").iterdir(), _OPEN_ARE_ENOUGH):
            with suppress(OSError):
                status = descriptor.stat()
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    yield status


def remove(folder: str) -> None:
    """Remove a folder with all that is in it: nested however deep, named however, with modes that forbid it."""
    try:
        os.rmdir(folder)  # noqa: PTH106
    except OSError:
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", folder], capture_output=True, check=False)
