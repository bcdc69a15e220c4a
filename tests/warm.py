"""Sessions of Python in processes of their own that need not import everything anew.

`start("-m", "pytest", "-q", cwd=folder)` and `run(...)` take what would follow `python` in a command line, and what
`subprocess.Popen` and `subprocess.run` take besides. The first of a process starts a server, which imports pytest with
its plugins, the libraries that take long, and Steelyard, and runs nothing. It forks a process for each session: with a
pid, signals, an exit status, a folder, an environment and files of its own, and all that a process does at its end.

A session with `-n 2` forks its workers from itself, too, before it does anything else.

What differs from a process that `python` starts:

- Modules of `PRELOADED` are in `sys.modules`. A test of what is imported, and when, starts a process itself.
- All sessions of a server have the same hash seed, and its command line in /proc.

Where the interpreter or a library would read something else at its start (options before `-m` and `-c`, PYTHONHASHSEED,
the locale, the number of threads), `start` gives a process that `python` starts. So the caller need not know.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

LIBRARIES = (
    *("numpy", "scipy.special", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "aiohttp", "greenlet"),
    *("click", "rich.console", "rich.table"),
)
PACKAGES = ("harness.gate", "harness.plugin", "harness.reporting", "harness.tracking")
"""Packages of Steelyard of which every module is loaded."""
MODULES = ("harness.cli", "harness.models.openai.engine", "harness.models.scripted.engine", "harness.store")
PRELOADED = (*LIBRARIES, *PACKAGES, *MODULES)

_READ_AT_START = ("PYTHON", "LC_", "LANG", "OMP_", "OPENBLAS_", "MKL_")
_MESSAGE_BYTES = 1 << 20


class Session:
    """A session that the server forked, with the part of `subprocess.Popen` that tests use.

    Attributes:
        args: what follows `python`.
        pid: of the process itself.
        returncode: None while it runs; of a signal, its negative number.
        stdout: where it was asked for as PIPE, what is written there.
        stderr: likewise.
    """

    def __init__(self, args: Sequence[str], pid: int, status: int, streams: Mapping[str, IO[Any] | None]) -> None:
        self.args = list(args)
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = streams.get("stdout")
        self.stderr = streams.get("stderr")
        self._status = status

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            with selectors.DefaultSelector() as ended:
                ended.register(self._status, selectors.EVENT_READ)
                if not ended.select(timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            told = os.read(self._status, 64)
            os.close(self._status)
            if not told:
                raise ChildProcessError(f"the server of {self.args} has ended, and nobody knows how the session did")
            self.returncode = os.waitstatus_to_exitcode(int(told))
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[Any, Any]:
        """What is left in its pipes, once it has ended: with a timeout, of little that is written."""
        if timeout is not None:
            self.wait(timeout)
        out, err = (None if stream is None else stream.read() for stream in (self.stdout, self.stderr))
        self.__exit__()
        return out, err

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()


class _Server:
    """The process that forks, and the way to it."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self._socket: socket.socket | None = None
        self._turn = threading.Lock()

    def fits(self, arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether a session would find what it would find in a process that `python` starts."""
        if arguments[0] not in ("-m", "-c"):
            return False
        if any(Path(folder, "sitecustomize.py").exists() for folder in _python_path(environment)):
            return False
        names = {name for name in {**environment, **self.environment} if name.startswith(_READ_AT_START)}
        return all(environment.get(name) == self.environment.get(name) for name in names - {"PYTHONPATH"})

    def fork(self, request: dict[str, Any], files: Sequence[int]) -> tuple[int, int]:
        """The pid of a new session, and a file to which its status is written once it has ended."""
        message = json.dumps(request).encode()
        assert len(message) < _MESSAGE_BYTES
        status, told = os.pipe()
        with self._turn:
            if self._socket is None:
                self._socket = self._start()
            socket.send_fds(self._socket, [message], [*files, told])
            os.close(told)
            answer = self._socket.recv(64)
        if not answer:
            raise ChildProcessError("The server of sessions has ended.")
        return int(answer), status

    def _start(self) -> socket.socket:
        own, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _MESSAGE_BYTES)
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a process with threads can't be forked
        command = [sys.executable, str(Path(__file__).resolve()), str(its.fileno())]
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(
            command, env={**self.environment, **one}, pass_fds=[its.fileno()], stdin=nowhere, stdout=nowhere
        )
        its.close()
        starter = os.getpid()

        def end() -> None:
            if os.getpid() == starter:
                own.shutdown(socket.SHUT_RDWR)
                process.wait()
            own.close()

        atexit.register(end)
        return own


_SERVER = _Server()
Process = Session | subprocess.Popen[Any]
"""A started session, whoever started it."""


def start(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: IO[Any] | int | None = None,
    stderr: IO[Any] | int | None = None,
    text: bool = False,
    start_new_session: bool = False,
) -> Process:
    """Start what `python` with these arguments would do, as `subprocess.Popen` does.

    Args:
        arguments: `-m`, a module and its arguments, or `-c`, code and its arguments.
        cwd: the folder to start in.
        env: the whole environment; by default this process's.
        stdout: a file, PIPE, DEVNULL, or None for that of this process.
        stderr: the same, or STDOUT.
        text: read pipes as text.
        start_new_session: be the leader of a group of its own.
    """
    environment = dict(os.environ if env is None else env)
    if not _SERVER.fits(arguments, environment):
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env=environment,
            stdout=stdout,
            stderr=stderr,
            text=text,
            start_new_session=start_new_session,
        )
    request = {
        "arguments": arguments,
        "cwd": str(cwd or Path.cwd()),
        "environment": environment,
        "leads": start_new_session,
    }
    streams: dict[str, IO[Any] | None] = {}
    with ExitStack() as ours:

        def file_of(name: str, wanted: IO[Any] | int | None, inherited: int) -> int:
            if wanted is None:
                return inherited
            if wanted == subprocess.DEVNULL:
                return ours.enter_context(Path(os.devnull).open("r+b")).fileno()
            if wanted == subprocess.PIPE:
                reading, writing = os.pipe()
                ours.callback(os.close, writing)
                streams[name] = os.fdopen(reading, "r" if text else "rb")
                return writing
            return wanted if isinstance(wanted, int) else wanted.fileno()

        out = file_of("stdout", stdout, 1)
        err = out if stderr == subprocess.STDOUT else file_of("stderr", stderr, 2)
        pid, status = _SERVER.fork(request, [0, out, err])
    return Session(arguments, pid, status, streams)


def run(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Do what `python` with these arguments would do, and give its exit code, and as text what it wrote."""
    with TemporaryFile() as out, TemporaryFile() as err:
        process = start(*arguments, cwd=cwd, env=env, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        written = []
        for file in (out, err):
            file.seek(0)
            written.append(file.read().decode())
    done = subprocess.CompletedProcess([sys.executable, *arguments], code, *written)
    if check:
        done.check_returncode()
    return done


def _python_path(environment: Mapping[str, str]) -> list[str]:
    return [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _preload() -> None:
    import pytest

    for name in LIBRARIES:
        importlib.import_module(name)
    # Plugins want to be imported by pytest, which rewrites their assertions, and warns where it comes too late.
    assert pytest.main(["--version", "--version", "--noconftest", "-p", "no:deepeval", "-c", os.devnull]) == 0
    for package in PACKAGES:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            importlib.import_module(found.name)
    for name in MODULES:
        importlib.import_module(name)
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "a process with threads can't be forked"
    gc.collect()
    gc.freeze()


def _serve(requests: socket.socket, base: Sequence[str]) -> Callable[[], None] | None:
    """Fork until nobody is left who asks; in a forked process, give what it is to do."""
    running: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fd in running:
                    waiting.unregister(key.fd)
                    pid, told = running.pop(key.fd)
                    os.write(told, str(os.waitpid(pid, 0)[1]).encode())
                    os.close(told)
                    os.close(key.fd)
                    continue
                message, files, _, _ = socket.recv_fds(requests, _MESSAGE_BYTES, 4)
                if not message:
                    return None
                pid = os.fork()
                if pid == 0:
                    waiting.close()
                    for fd, (_, told) in running.items():
                        os.close(fd)
                        os.close(told)
                    requests.close()
                    return become(json.loads(message), files, base)
                requests.send(str(pid).encode())
                for file in files[:3]:
                    os.close(file)
                fd = os.pidfd_open(pid)
                running[fd] = (pid, files[3])
                waiting.register(fd, selectors.EVENT_READ)


def become(request: Mapping[str, Any], files: Sequence[int], base: Sequence[str]) -> Callable[[], None]:
    """Turn a forked process into what `python` would have started, and give what is left to do."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["leads"]:
        os.setsid()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, max(files) + 1)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["cwd"])
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(line_buffering=stream.isatty())  # type: ignore[union-attr]
    arguments = request["arguments"]
    if _fork_workers(_workers_wanted(arguments)):
        arguments = ["-c", _WORKER]
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # type: ignore[attr-defined]
    option, what, *others = arguments
    first = request["cwd"] if option == "-m" else ""
    sys.path[:] = [first, *_python_path(os.environ), *base]
    if "xdist.plugin" in sys.modules:  # it notes at its import what workers are to have
        sys.modules["xdist.plugin"]._sys_path[:] = sys.path
    sys.argv = [option if option == "-c" else what, *others]
    if option == "-m":
        return lambda: _run_module(what)
    return lambda: _run_code(what)


_WORKER = """
import json, os, sys
told = sys.stdin.readline()
if not told:
    os._exit(0)
folder, environment = json.loads(told)
os.chdir(folder)
os.environ.clear()
os.environ.update(environment)
exec(eval(sys.stdin.readline()))
"""
"""What a worker does: wait until the session wants it, or has ended, and then what execnet tells a new process."""


class _Worker:
    """A process that waits to be a worker, with the part of `subprocess.Popen` that execnet uses."""

    def __init__(self, pid: int, stdin: int, stdout: int) -> None:
        self._pid = pid
        self._files = stdin, stdout
        self.stdin: IO[bytes]
        self.stdout: IO[bytes]

    def begin(self) -> None:
        """Give it the folder and the environment that a process would have that is started now."""
        self.stdin, self.stdout = os.fdopen(self._files[0], "wb"), os.fdopen(self._files[1], "rb")
        self.stdin.write(json.dumps([str(Path.cwd()), dict(os.environ)]).encode() + b"\n")
        self.stdin.flush()

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)


def _workers_wanted(arguments: Sequence[str]) -> int:
    """The workers of a session of pytest's; 0 of anything else."""
    if list(arguments[:2]) != ["-m", "pytest"]:
        return 0
    after = arguments[arguments.index("-n") + 1 :] if "-n" in arguments else []
    return int(after[0]) if after and after[0].isdigit() else 0


def _fork_workers(number: int) -> bool:
    """Fork workers for xdist, as long as nothing has run and there are no threads; true in a worker."""
    waiting: list[_Worker] = []
    for _ in range(number):
        (asked, asks), (answers, answered) = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(asked, 0)
            os.dup2(answered, 1)
            os.closerange(3, max(asks, answered) + 1)
            return True
        os.close(asked)
        os.close(answered)
        waiting.append(_Worker(pid, asks, answers))
    if waiting:
        _offer(waiting)
    return False


def _offer(waiting: list[_Worker]) -> None:
    """Have execnet take the processes that wait before it starts others."""
    io: Any = importlib.import_module("execnet.gateway_io")

    class Forked(io.Popen2IOMaster):  # type: ignore[misc]
        def __init__(self, args: list[str], execmodel: Any) -> None:
            if not waiting:
                super().__init__(args, execmodel)
                return
            self.popen = waiting.pop(0)
            self.popen.begin()
            io.Popen2IO.__init__(self, self.popen.stdin, self.popen.stdout, execmodel)

    io.Popen2IOMaster = Forked


def _run_module(name: str) -> None:
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_code(code: str) -> None:
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    exec(compile(code, "<string>", "exec"), vars(module))


def main() -> None:
    """Serve the socket whose number is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = socket.socket(fileno=int(sys.argv[1]))
    given = {*_python_path(os.environ), str(Path(__file__).parent)}
    base = [folder for folder in sys.path if folder not in given]
    sys.path[:] = [*_python_path(os.environ), *base]
    _preload()
    sys.stdout.flush()
    session = _serve(requests, base)
    if session is not None:
        session()


if __name__ == "__main__":
    main()
