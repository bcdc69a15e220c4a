"""The confined process: puts its walls up, runs one program, and says how that ended. Started by `process.py`.

It is run as a script, so it imports the standard library alone. The walls, in the order in which they go up: a network
without interfaces and a folder in memory where the kernel gives them, no capabilities, files (Landlock), limits, system
calls (seccomp), and the same rules once more in Python: so what is refused reads the same everywhere, and is refused
where the kernel has none of these. Random numbers begin the same way every time, so that a program ends the same way
every time.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import re
import resource
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CODE, _TESTS = "the code", "the tests"
_FENCED = re.compile(r"^[ ]{0,3}```[ \t]*([\w+-]*)[^\n]*\n(.*?)^[ ]{0,3}```[ \t]*$", re.MULTILINE | re.DOTALL)
_PYTHON = ("python", "python3", "py", "")
_LONGEST = 400

_NEW_USER, _NEW_IPC, _NEW_NETWORK, _NEW_MOUNTS = 0x10000000, 0x08000000, 0x40000000, 0x00020000
_NO_SETUID_DEVICES_PROGRAMS = 2 | 4 | 8
_COUNTS_TASKS_BY_NAMESPACE = (5, 14)
_DIE_WITH_PARENT, _SET_SECCOMP, _NO_NEW_PRIVILEGES = 1, 22, 38
_CAPABILITIES_VERSION = 0x20080522
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ = 1 << 2 | 1 << 3
_WRITE_FILE = 1 << 1
_RIGHTS_OF_FIRST_VERSION = (1 << 13) - 1
_EXECUTE = 1 << 0
_LOCAL_FAMILY = 1
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _BeneathPath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def main() -> None:
    """Read the order from standard input, run it, write the result to standard output."""
    parent = os.getppid()
    os.write(1, b"%d\n" % os.getpid())
    order = json.load(sys.stdin)
    if order["libraries"] is None:
        import sysconfig  # takes a while

        order["libraries"] = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    sys.path += order["libraries"]
    answers_to = os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    is_bounded = wall_in(order, parent)
    os.write(answers_to, b":" if is_bounded else b".")
    try:
        result = run(order["code"], order["tests"])
    except MemoryError:
        result = {"memory": True}
    os.write(answers_to, json.dumps({**result, "token": order["token"]}).encode())
    os._exit(0)


def wall_in(order: dict[str, Any], parent: int) -> bool:
    """Put up all walls that this system has.

    Returns:
        Whether the folder is a file system of its own, with bounds of its own.
    """
    is_bounded: bool = order["is_bounded"]
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        limits = dict(order["limits"])
        if _leave_namespaces(libc):
            is_bounded = _mount_folder(libc, order["folder"], order["folder_options"]) or is_bounded
            if _kernel() >= _COUNTS_TASKS_BY_NAMESPACE:
                limits["NPROC"] = order["threads"]
        libc.capset((ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)())
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        # Only now: a change of rights takes it back.
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        _settle(order)
        _guard_files(libc, order, [*sys.path, *order["readable"]])
        _limit(limits)
        _filter_calls(libc, order["filter"])
    else:
        _settle(order)
        _limit(order["limits"])
    sys.addaudithook(_refuse(order["folder"]))
    return is_bounded


def _settle(order: dict[str, Any]) -> None:
    """Enter the folder; what is written as output goes where the limits count it."""
    os.chdir(order["folder"])
    if order["keeps_output"]:
        os.dup2(os.open(order["folder"], os.O_TMPFILE | os.O_RDWR, 0o600), 2)
    os.dup2(2, 1)


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])


def _leave_namespaces(libc: ctypes.CDLL) -> bool:
    """Enter a network without interfaces and a list of mounts of its own, where the kernel lets a user do so.

    Returns:
        Whether the user has a name there, without which it could make no file on a file system of its own.
    """
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_USER | _NEW_IPC | _NEW_NETWORK | _NEW_MOUNTS) != 0:
        return False
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", name).write_text(text, encoding="ascii")
    except OSError:  # Ubuntu lets a user have them and refuses what makes use of them; bubblewrap shows no /proc
        return False
    return True


def _mount_folder(libc: ctypes.CDLL, folder: str, options: str) -> bool:
    """Lay a file system in memory over the folder. It ends with the process, whatever a program left in it."""
    return bool(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _NO_SETUID_DEVICES_PROGRAMS, options.encode()) == 0)


def _guard_files(libc: ctypes.CDLL, order: dict[str, Any], readable: list[str]) -> None:
    """Only the folder can be written, only it and `readable` can be read (Landlock, where the kernel has it)."""
    version = min(libc.syscall(_CREATE_RULESET, None, 0, 1), order["landlock"])
    if version < 1:
        return
    rights = _RIGHTS_OF_FIRST_VERSION
    for right, since in ((1 << 13, 2), (1 << 14, 3), (1 << 15, 5)):
        rights |= right if version >= since else 0
    handled = _Ruleset(rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(_CREATE_RULESET, ctypes.byref(handled), size, 0)

    def allow(path: str, allowed: int) -> None:
        if Path(path).exists():
            if not Path(path).is_dir():
                allowed &= ~(1 << 3)
            beneath = _BeneathPath(allowed, os.open(path, os.O_PATH | os.O_CLOEXEC))
            libc.syscall(_ADD_RULE, rules, 1, ctypes.byref(beneath), 0)
            os.close(beneath.folder)

    allow(order["folder"], rights & ~_EXECUTE)
    for path in readable:
        allow(path, _READ)
    for path in _DEVICES:
        allow(path, _READ | _WRITE_FILE)
    if libc.syscall(_RESTRICT_SELF, rules, 0) != 0:
        raise OSError(ctypes.get_errno(), "Landlock could not be switched on")
    os.close(rules)


def _limit(limits: dict[str, int]) -> None:
    """Set the limits, soft and hard, by their names in `resource` without RLIMIT_."""
    # At 1 byte, unlike at 0, the kernel starts no program either that would take the memory of one that crashes.
    for name, most in {**limits, "CORE": 1}.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hardest = resource.getrlimit(kind)[1]
        most = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
        # A program that ignores the signal at the soft limit of CPU time is killed a second later.
        try:
            resource.setrlimit(kind, (most, most + 1 if name == "CPU" and most != hardest else most))
        except ValueError:
            if sys.platform == "linux":  # macOS takes no limit of the address space
                raise


def _filter_calls(libc: ctypes.CDLL, steps_in_hex: str | None) -> None:
    if steps_in_hex is None:
        return
    steps = bytes.fromhex(steps_in_hex)
    program = _Filter(len(steps) // 8, steps)
    if libc.prctl(_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls could not be switched on")


def _refuse(folder: str) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook: no network, no processes, nothing written outside `folder`, nothing of other processes read."""
    home = os.path.realpath(folder)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    processes = ("subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.kill", "pty.spawn")
    changes = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate")

    def is_inside(path: Any) -> bool:
        if isinstance(path, int):
            return True
        real = os.path.realpath(os.fsdecode(path))
        return real == home or real.startswith(home + os.sep) or real in _DEVICES

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int) or path is None:
                return
            if flags & writing and not is_inside(path):
                raise PermissionError(f"only the program's own folder can be written: {path!r}")
            if os.fsdecode(path).startswith("/proc") and not is_inside(path):
                raise PermissionError(f"other processes can't be looked at: {path!r}")
        elif event == "socket.__new__" and arguments[1] == _LOCAL_FAMILY:
            return
        elif event.startswith("socket.") and event != "socket.gethostname":
            raise PermissionError(f"there is no network here ({event})")
        elif event.startswith(processes) and not (event == "os.kill" and arguments[0] == os.getpid()):
            raise PermissionError(f"no other process can be started or reached ({event})")
        elif event in changes and not all(map(is_inside, filter(_is_path, arguments))):
            raise PermissionError(f"only the program's own folder can be changed ({event})")

    return hook


def _is_path(value: Any) -> bool:
    return isinstance(value, str | bytes | os.PathLike)


def run(text: str, tests: str) -> dict[str, Any]:
    """Run the code and then its tests; {} when both got to their end, else what stopped them."""
    module = types.ModuleType("program" if tests else "__main__")
    sys.modules[module.__name__] = module
    sources = {_CODE: text, _TESTS: tests}
    random.seed(0)
    try:
        compiled, sources[_CODE] = _compiled(text)
        exec(compiled, module.__dict__)
        exec(compile(tests, _TESTS, "exec", dont_inherit=True), module.__dict__)
        sys.stdout.flush()
    except MemoryError:
        raise
    except SystemExit as end:
        if tests or end.code not in (None, 0):
            return {"error": f"sys.exit({end.code!r}) before the end"[:_LONGEST]}
    except BaseException as error:  # noqa: BLE001 - it is a program's end, whatever it raises
        return {"error": _described(error, sources), "errno": _number(error)}
    return {}


def _number(error: BaseException) -> int | None:
    """The error number of what the system refused; the program's own exceptions may hold anything."""
    return error.errno if type(error) is OSError and type(error.errno) is int else None


def _compiled(text: str) -> tuple[types.CodeType, str]:
    """The program in a text: the text itself, or its first fenced block of Python where the text is no program."""
    try:
        return compile(text, _CODE, "exec", dont_inherit=True), text
    except SyntaxError:
        blocks = [(language.lower(), block) for language, block in _FENCED.findall(text)]
        block = next((block for language, block in blocks if language in _PYTHON), None)
        if block is None:
            raise
        return compile(block, _CODE, "exec", dont_inherit=True), block


def _described(error: BaseException, sources: dict[str, str]) -> str:
    """Describe what was raised, and the last line of the code or of the tests that it came through."""
    place, number = None, None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in sources:
            place, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename in sources:
        place, number = error.filename, error.lineno
    try:
        message = str(error.msg if isinstance(error, SyntaxError) else error)[:_LONGEST]
    except Exception:  # noqa: BLE001 - the program's own exceptions may do anything
        message = ""
    said = type(error).__name__ + (f": {message}" if message else "")
    if place is None or number is None:
        return said
    lines = sources[place].splitlines()
    line = lines[number - 1].strip()[:_LONGEST] if 0 < number <= len(lines) else ""
    return f"{said} (line {number} of {place}: {line})"


if __name__ == "__main__":
    main()
