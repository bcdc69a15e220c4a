"""Processes of Steelyard that compute with torch, forked from one that has loaded it.

Steelyard starts them as `sys.executable -P -m MODULE`, and most of what a small one does is to load torch and
transformers. While `torch_is_loaded` holds, `sys.executable` is a launcher. It hands its arguments, folder, environment
and streams to a server that has loaded them, which forks, and ends as the forked process does. That one ends with the
launcher, so whoever kills, waits for or listens to the one deals with the other. Of Steelyard nothing is loaded before.

All processes of a server have one hash seed, that of trainings, and one thread each unless they set another number.
Whatever else is started, such as `python -c`, `python` itself starts.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import secrets
import select
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from unittest.mock import patch

from tests.warm import become

ROOT = Path(__file__).parents[1]
LIBRARIES = (
    *("torch", "safetensors.torch", "accelerate", "peft", "scipy.special", "sklearn.metrics"),
    *("transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto"),
    *("transformers.models.llama.modeling_llama", "transformers.trainer", "torch.utils.data"),
)
_FIXED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "HF_HUB_OFFLINE": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_MESSAGE_BYTES = 1 << 17
_LAUNCHER = """
import array, json, os, signal, socket, sys
python, address, *arguments = sys.argv[1:]
if arguments[:2] != ["-P", "-m"] or not arguments[2].startswith("harness."):
    os.execv(python, [python, *arguments])
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect("\\0" + address)
told = {"arguments": arguments[1:], "cwd": os.getcwd(), "environment": dict(os.environ), "leads": True}
streams = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
server.sendmsg([json.dumps(told).encode()], [streams])
nowhere = os.open(os.devnull, os.O_RDWR)
for stream in range(3):
    os.dup2(nowhere, stream)
status = server.recv(64)
code = os.waitstatus_to_exitcode(int(status)) if status else 1
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@contextmanager
def torch_is_loaded() -> Iterator[None]:
    """Have the processes that Steelyard starts find torch and transformers loaded."""
    with patch.object(sys, "executable", launcher()):
        yield


@cache
def launcher() -> str:
    """A program that does as `python` does; starts its server, which loads nothing until it is asked."""
    address = f"steelyard-{os.getpid()}-{secrets.token_hex(8)}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind("\0" + address)
    listener.listen(16)
    until, held = os.pipe()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.torch_processes", str(listener.fileno()), str(until)],
        cwd=ROOT,
        env={**os.environ, **_FIXED},
        pass_fds=[listener.fileno(), until],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    listener.close()
    os.close(until)
    folder = Path(tempfile.mkdtemp(prefix="launcher-"))
    starter = os.getpid()

    def end() -> None:
        if os.getpid() == starter:
            os.close(held)
            server.wait()
            shutil.rmtree(folder)

    atexit.register(end)
    code, program = folder / "launcher.py", folder / "python"
    code.write_text(_LAUNCHER, encoding="utf-8")
    words = (sys.executable, "-ISs", str(code), sys.executable, address)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


class _Forks:
    """The processes that the server has forked, and the launchers that wait for them."""

    def __init__(self, listener: socket.socket, until: int, base: Sequence[str]) -> None:
        self._listener = listener
        self._until = until
        self._base = base
        self._asked: dict[int, tuple[int, socket.socket]] = {}
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(listener, selectors.EVENT_READ)
        self._waiting.register(until, selectors.EVENT_READ)

    def serve(self) -> Callable[[], None] | None:
        """Fork until nobody is left who asks; in a forked process, give what it is to do."""
        while True:
            for key, _ in self._waiting.select():
                if key.fileobj is self._listener:
                    session = self._fork()
                    if session is not None:
                        return session
                elif key.fd == self._until:
                    for pid, _ in self._asked.values():
                        _kill(pid)
                    return None
                elif key.fd in self._asked:
                    self._tell(key.fd)
                elif key.fd in self._waiting.get_map():  # the launcher has ended before its process
                    self._waiting.unregister(key.fileobj)
                    _kill(key.data)

    def _fork(self) -> Callable[[], None] | None:
        connection, _ = self._listener.accept()
        message, files, _, _ = socket.recv_fds(connection, _MESSAGE_BYTES, 3)
        if len(files) < 3:  # it ended before it asked
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            self._waiting.close()
            for other in (self._listener, connection, *(launched for _, launched in self._asked.values())):
                other.close()
            for fd in (self._until, *self._asked):
                os.close(fd)
            return become(json.loads(message), files, self._base)
        for file in files:
            os.close(file)
        ended = os.pidfd_open(pid)
        self._asked[ended] = pid, connection
        self._waiting.register(ended, selectors.EVENT_READ)
        self._waiting.register(connection, selectors.EVENT_READ, pid)
        return None

    def _tell(self, ended: int) -> None:
        """Tell the launcher how its process ended."""
        pid, connection = self._asked.pop(ended)
        with suppress(OSError):
            connection.send(str(os.waitpid(pid, 0)[1]).encode())
        self._waiting.unregister(ended)
        with suppress(KeyError):
            self._waiting.unregister(connection)
        os.close(ended)
        connection.close()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Serve the listening socket whose number is the first argument, until the second comes to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener, until = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    base = [folder for folder in sys.path[1:] if folder not in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    select.select([listener, until], [], [])  # nothing is loaded until it is needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            with suppress(ImportError):
                importlib.import_module(name)
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "a process with threads can't be forked"
    gc.collect()
    gc.freeze()
    session = _Forks(listener, until, base).serve()
    if session is None:
        os._exit(0)
    atexit.register(gc.unfreeze)  # so that what is left at the end can be freed
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    del sys.path[0]  # the working folder, as -P says
    session()


if __name__ == "__main__":
    main()
