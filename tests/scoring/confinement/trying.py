"""Runs the attempts of `attempts.py`, and tells which got out. As a program: in another setting than this one."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.scoring.confinement import ConfinedRun, ProgramLimits, sandboxes
from harness.scoring.confinement.process import remove
from harness.scoring.confinement.system_calls import libseccomp
from tests.scoring.confinement.attempts import ATTEMPTS, KINDS, PRELUDE

LIMITS = ProgramLimits(timeout_s=2.0)
AT_ONCE = 2
MARK = "steelyard-attempt"
#: Not tried without a sandbox: the machine, or the process that tries them, would feel it.
ONLY_WITHIN = ("signals every process",)
#: How long an attempt that has taken too much stays, so that somebody may look.
LINGER_S = LIMITS.timeout_s * 0.75
#: Not tried without a sandbox either: they take long, and what ends them is no more than a limit of time or of files.
LASTING = (
    *("takes much time", "sleeps for long", "ignores every signal and goes on", "stops"),
    *("makes many folders", "nests folders"),
)


@dataclass
class Outside:
    """What lies outside of the sandbox, and what was done to it."""

    folder: Path
    datagrams: list[socket.socket]
    listener: socket.socket
    spot: ctypes.Array[ctypes.c_char]
    signals: list[int] = field(default_factory=list)

    def names(self, linger_s: float) -> str:
        """The names in capitals of the attempts, as lines of Python."""
        values = {
            "NUMBERS": _Numbers.known(),
            "PARENT": os.getpid(),
            "PARENT_GROUP": os.getpgid(0),
            "OUTSIDE": str(self.folder),
            "SECRET": str(self.folder / "secret"),
            "FILE": str(self.folder / "file"),
            "SOCKET": str(self.folder / "socket"),
            "ABSTRACT": self.folder.name,
            "PORT": self.listener.getsockname()[1],
            "SPOT": ctypes.addressof(self.spot),
            "MARK": MARK,
            "LINGER_S": linger_s,
        }
        return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + "HOME = __import__('os').getcwd()\n"

    def touched(self) -> list[str]:
        """What was done to it, in words."""
        found = [f"signal {number}" for number in self.signals]
        for each in (*self.datagrams, self.listener):
            with suppress(BlockingIOError):
                each.accept() if each is self.listener else each.recv(64)
                found.append(f"reached {each.getsockname()!r}")
        if {path.name for path in self.folder.iterdir()} != {"secret", "file", "socket"}:
            found.append(f"left {sorted(path.name for path in self.folder.iterdir())}")
        file, secret = self.folder / "file", self.folder / "secret"
        if file.exists() and (file.read_text(), file.stat().st_mode & 0o777) != ("as it was", 0o644):
            found.append("changed the file")
        if secret.stat().st_mode & 0o777 != 0o600 or len(os.listxattr(secret)) > 0:
            found.append("changed the rights of the secret")
        return found


class _Numbers:
    @staticmethod
    def known() -> dict[str, int]:
        """The number of each call that an attempt names; -1 for one that this machine does not have."""
        library = libseccomp()
        assert library is not None
        words = {word for code in ATTEMPTS.values() for word in code.replace('"', "'").split("'")}
        names = {word for word in words if word.isidentifier()} | {"openat", "socketpair"}
        found = {name: int(library.resolve_syscall(library.Arch.NATIVE, name)) for name in sorted(names)}
        return {name: number for name, number in found.items() if number != -1}


@contextmanager
def outside() -> Iterator[Outside]:
    """Something to get at: files, sockets, memory, and this process itself."""
    with tempfile.TemporaryDirectory(prefix="outside-") as name, socket.socket() as listener:
        folder = Path(name)
        (folder / "secret").touch(mode=0o600)
        (folder / "secret").write_text("s3cret")
        (folder / "file").write_text("as it was")
        (folder / "file").chmod(0o644)
        with suppress(OSError):
            os.setxattr(folder / "file", "user.b", b"x")
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        datagrams = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
        for each, address in zip(datagrams, (str(folder / "socket"), "\0" + folder.name), strict=True):
            each.bind(address)
            each.setblocking(False)
        found = Outside(folder, datagrams, listener, ctypes.create_string_buffer(64))
        before = signal.signal(signal.SIGUSR1, lambda number, _: found.signals.append(number))
        try:
            yield found
        finally:
            signal.signal(signal.SIGUSR1, before)
            for each in datagrams:
                each.close()


def escapes(names: Collection[str] = tuple(ATTEMPTS)) -> list[str]:
    """What got out of the sandbox: attempts that came to their end, and what was done outside."""
    with outside() as target:

        def got_out(name: str) -> bool:
            code = PRELUDE + target.names(LINGER_S) + ATTEMPTS[name]
            return ConfinedRun(code, "", LIMITS).run() is None

        found = _tried(names, got_out)
        return [*found, *(f"(outside: {what})" for what in target.touched())]


def possible(names: Collection[str] = tuple(ATTEMPTS)) -> list[str]:
    """The attempts that come to their end where there is no sandbox, each with an outside of its own. Not for root."""
    assert os.getuid() != 0
    found = []
    for name in names:
        if name in (*ONLY_WITHIN, *LASTING):
            continue
        folder = tempfile.mkdtemp()
        try:
            with outside() as target:
                command = [sys.executable, "-s", "-P", "-S", "-B", "-c", PRELUDE + target.names(0.0) + ATTEMPTS[name]]
                done = subprocess.run(command, cwd=folder, capture_output=True, timeout=20, start_new_session=True)
        finally:
            remove(folder)
        found += [name] if done.returncode == 0 else []
    return found


def _tried(names: Collection[str], got_out: Callable[[str], bool]) -> list[str]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return [name for name, is_out in zip(names, threads.map(got_out, names), strict=True) if is_out]


def _become(user: int) -> None:
    """Be an ordinary user, as root; the interpreter stays within reach, also where it lies in root's own folder."""
    home, prefix = Path("/root"), Path(sys.base_prefix)
    if prefix.is_relative_to(home):
        libc, place = ctypes.CDLL(None, use_errno=True), tempfile.mkdtemp()
        steps = [
            lambda: libc.unshare(0x00020000),
            lambda: libc.mount(None, b"/", None, 0x44000, None),
            lambda: libc.mount(os.fsencode(prefix), place.encode(), None, 0x1000, None),
            lambda: libc.mount(b"tmpfs", bytes(home), b"tmpfs", 0, b"mode=755"),
            lambda: prefix.mkdir(parents=True),
            lambda: libc.mount(place.encode(), bytes(prefix), None, 0x1000, None),
        ]
        assert not any(step() for step in steps), os.strerror(ctypes.get_errno())
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # can be looked at by its own programs, as any process of a user


def main() -> None:
    """Write a JSON list of what got out, in the setting that the options describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--landlock", type=int, help="the version of Landlock to go by")
    parser.add_argument("--user", type=int, help="the number of the user to be")
    parser.add_argument("--among", nargs="*", default=[*KINDS], help="kinds of attempts")
    parser.add_argument("--possible", action="store_true", help="list what gets out where there is no sandbox")
    options = parser.parse_args()
    if options.user is not None:
        _become(options.user)
    if options.landlock is not None:
        sandboxes.landlock_version = lambda: options.landlock
    # A limit of time is the same in every setting.
    names = [name for kind in options.among for name in KINDS[kind] if name not in LASTING[:4]]
    print(json.dumps(possible(names) if options.possible else escapes(names)))


if __name__ == "__main__":
    main()
