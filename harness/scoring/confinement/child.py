"""A confined process: gives up its rights, then runs a program, or the tests of one. Started by `process.py`.

It is run as a script, so it imports the standard library alone. Random numbers begin the same way every time, so that a
program ends the same way every time.

The program's process knows nothing of its tests. They run in a process of their own, in which each function of the
program is one that sends its arguments and waits for what comes back; both are plain data, which is built anew on the
other side of a pipe. So nothing of the program, object, frame or patched module, is where it is judged.
"""

from __future__ import annotations

import _thread
import builtins
import ctypes
import importlib
import json
import os
import random
import re
import signal
import sys
import types
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from pathlib import Path
from typing import Any, BinaryIO

CALL, RESULT, UNUSABLE = b"?", b".", b"!"
"""The first byte of a line that the tests' process writes: a call, how the tests ended, why they can't be run."""
_CODE, _TESTS = "the code", "the tests"
_FENCED = re.compile(r"^[ ]{0,3}```[ \t]*([\w+-]*)[^\n]*\n(.*?)^[ ]{0,3}```[ \t]*$", re.MULTILINE | re.DOTALL)
_LONGEST = 400
_PLAIN = "plain data: None, a bool, a number, a text, bytes, or a list, tuple, set or dict of them"
_NO_ANSWER = "it answered with what is no answer"

_DIE_WITH_PARENT, _SET_SECCOMP, _NO_NEW_PRIVILEGES = 1, 22, 38
_CAPABILITIES_VERSION = 0x20080522
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_RIGHTS_OF_FIRST_VERSION = (1 << 13) - 1


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _BeneathPath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def main() -> None:
    """Read the order from standard input, give up rights, and run what the order holds."""
    parent = os.getppid()
    received, sent = os.fdopen(os.dup(0), "rb"), os.dup(1)
    order = json.loads(received.readline())
    if order["is_container"]:  # its libraries are where its own Python has them
        import sysconfig

        order["libraries"] = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    sys.path += order["libraries"]
    sys.set_int_max_str_digits(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    restrict(order, parent)
    os.write(sent, b"ready\n")
    random.seed(0)
    # Names of Python's own that the interpreter lacks without `site`: no function of a program stands for them.
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]
    run = run_tests if "tests" in order else run_program
    run(order, received, sent)


def restrict(order: dict[str, Any], parent: int) -> None:
    """Give up capabilities, files, resources and system calls; in a container, which has taken the rest, resources."""
    import resource  # Windows has none, where this module is imported as well

    libc = ctypes.CDLL(None, use_errno=True)
    libc.capset((ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)())
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # Only now: a change of rights takes it back.
    libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    # What is written as output goes to files in the folder without a name, where the limits count it.
    os.chdir(order["folder"])
    for number in (1, 2) if order["is_container"] else (1,):
        file = os.open(f"output-{number}", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        os.unlink(f"output-{number}")  # noqa: PTH108 - pathlib is no shorter
        os.dup2(file, number)
        os.close(file)
    if not order["is_container"]:
        _guard_files(libc, order)
    # At 1 byte, unlike at 0, the kernel starts no program either that would take the memory of one that crashes.
    for name, most in {**order["limits"], "CORE": 1}.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hardest = resource.getrlimit(kind)[1]
        most = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
        # A program that ignores the signal at the soft limit of CPU time is killed a second later.
        resource.setrlimit(kind, (most, most + 1 if name == "CPU" and most != hardest else most))
    steps = bytes.fromhex(order["filter"])
    if steps and libc.prctl(_SET_SECCOMP, 2, ctypes.byref(_Filter(len(steps) // 8, steps)), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls could not be switched on")


def _guard_files(libc: ctypes.CDLL, order: dict[str, Any]) -> None:
    """Let only the folder be written, only it and what Python needs be read (Landlock)."""
    version = order["landlock"]
    rights = _RIGHTS_OF_FIRST_VERSION
    for right, since in ((1 << 13, 2), (1 << 14, 3), (1 << 15, 5)):
        rights |= right if version >= since else 0
    handled = _Ruleset(rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(_CREATE_RULESET, ctypes.byref(handled), size, 0)
    read = _READ_FILE | _READ_FOLDER
    allowed = {
        order["folder"]: rights & ~_EXECUTE,
        **dict.fromkeys((*sys.path, *order["readable"]), read),
        **dict.fromkeys(("/dev/null", "/dev/zero", "/dev/urandom"), read | _WRITE_FILE),
    }
    for path, those in allowed.items():
        if Path(path).exists():
            those &= ~0 if Path(path).is_dir() else ~_READ_FOLDER
            beneath = _BeneathPath(those, os.open(path, os.O_PATH | os.O_CLOEXEC))
            libc.syscall(_ADD_RULE, rules, 1, ctypes.byref(beneath), 0)
            os.close(beneath.folder)
    if libc.syscall(_RESTRICT_SELF, rules, 0) != 0:
        raise OSError(ctypes.get_errno(), "Landlock could not be switched on")
    os.close(rules)


def run_program(order: Mapping[str, Any], received: BinaryIO, sent: int) -> None:
    """Run the program; where it has tests, tell what it offers them and answer their calls until they end."""
    reasons = order["reasons"]
    module = types.ModuleType("__main__" if order["is_main"] else "program")
    sys.modules[module.__name__] = module
    sources = {_CODE: order["code"]}
    try:
        compiled, sources[_CODE] = _compiled(order["code"])
        exec(compiled, module.__dict__)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - it is a program's end, whatever it raises
        if not (order["is_main"] and isinstance(error, SystemExit) and error.code in (None, 0)):
            _write(sent, {"error": _described(error, sources, reasons)})
            os._exit(1)
    if order["is_main"]:
        os._exit(0)
    _write(sent, _offered(module))
    for line in received:
        name, arguments, keywords = json.loads(line)
        try:
            value = getattr(module, name)(*map(_read, arguments), **{key: _read(each) for key, each in keywords})
            answer = {"value": _plain(value)}
        except NotPlain as what:
            answer = {"error": f"{name}() gave {what}, which is no {_PLAIN}"}
        except BaseException as error:  # noqa: BLE001 - the same
            answer = _raised(error, _described(error, sources, reasons))
        _write(sent, answer)
    os._exit(0)


def _offered(module: types.ModuleType) -> dict[str, Any]:
    """Return what a program has for its tests: the names of its functions, its plain values, and its output."""
    functions, values, modules = [], [], []
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        if callable(value):
            functions.append(name)
        elif isinstance(value, types.ModuleType):
            modules += [name] if value.__name__ == name else []
        else:
            try:
                values.append((name, _plain(value)))
            except (NotPlain, RecursionError):
                continue
    output = os.pread(1, os.lseek(1, 0, os.SEEK_CUR), 0).decode("utf-8", "replace")
    return {"functions": functions, "values": values, "modules": modules, "stdout": output}


def _raised(error: BaseException, description: str) -> dict[str, Any]:
    """Return what a function raised, as the nearest exception of Python's own."""
    if not isinstance(error, Exception):
        return {"error": description}
    kind = next(each for each in type(error).__mro__ if getattr(builtins, each.__name__, None) is each)
    try:
        arguments = [_plain(each) for each in error.args]
    except (NotPlain, RecursionError):
        arguments = [description]
    return {"raised": kind.__name__, "arguments": arguments, "described": description}


class ProgramEnded(BaseException):
    """The program ended, or answered what is no answer; no `except Exception` of the tests goes on after that."""


class NotPlain(BaseException):
    """A value can't cross the pipe."""


def run_tests(order: Mapping[str, Any], received: BinaryIO, sent: int) -> None:
    """Run the tests on the program at the other end, and tell how they ended.

    What ended the program, or can't cross to it, is what ended the tests, whatever they make of it.
    """
    tests: str = order["tests"]
    program = _Program(received, sent)
    module = types.ModuleType("tests")
    sys.modules[module.__name__] = module
    error: BaseException | None = None
    try:
        module.__dict__.update(program.names())
        exec(compile(tests, _TESTS, "exec", dont_inherit=True), module.__dict__)
        sys.stdout.flush()
    except BaseException as raised:  # noqa: BLE001 - tests may raise anything
        error = raised
    error = program.end or error
    if isinstance(error, NotPlain):
        _write(sent, f"the tests call {error}, which is no {_PLAIN}", UNUSABLE)
    elif error is None or isinstance(error, ProgramEnded):
        _write(sent, None if error is None else str(error), RESULT)
    else:
        _write(sent, _described(error, {_TESTS: tests}, order["reasons"]), RESULT)
    os._exit(0)


class _Program:
    """A program as its tests see it, from another process; `end` is what ended it."""

    def __init__(self, received: BinaryIO, sent: int) -> None:
        self._received, self._sent = received, sent
        self._lock = _thread.allocate_lock()
        self.end: BaseException | None = None

    def names(self) -> dict[str, Any]:
        """Return what the tests find: the program's functions and values. A name of Python's own stays Python's."""
        offered = self._next_answer()
        try:
            names: dict[str, Any] = {name: _read(value) for name, value in offered["values"]}
            names |= {name: self._function(name) for name in offered["functions"]}
            known = sys.stdlib_module_names.intersection(offered["modules"])
            beside: dict[str, Any] = {name: importlib.import_module(name) for name in known}
            beside |= {"program": types.SimpleNamespace(**names), "stdout": str(offered["stdout"])}
        except (KeyError, TypeError, ValueError, RecursionError):
            raise self._ended(ProgramEnded(_NO_ANSWER)) from None
        own = {name: each for name, each in names.items() if not (name.startswith("__") or hasattr(builtins, name))}
        return own | beside

    def _function(self, name: str) -> Callable[..., Any]:
        def function(*arguments: Any, **keywords: Any) -> Any:
            try:
                call = [name, [*map(_plain, arguments)], [(key, _plain(each)) for key, each in keywords.items()]]
            except NotPlain as what:
                raise self._ended(NotPlain(f"{name}() with {what}")) from None
            with self._lock:
                _write(self._sent, call, CALL)
                answer = self._next_answer()
            if "value" in answer:
                return self._value(answer["value"])
            raise self._exception(answer)

        return function

    def _next_answer(self) -> dict[str, Any]:
        if self.end is not None:
            raise self.end
        try:
            answer = json.loads(self._received.readline())
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or "error" in answer:
            raise self._ended(ProgramEnded(str(answer["error"]) if isinstance(answer, dict) else _NO_ANSWER))
        return answer

    def _value(self, packed: Any) -> Any:
        try:
            return _read(packed)
        except (KeyError, TypeError, ValueError, RecursionError):
            raise self._ended(ProgramEnded(_NO_ANSWER)) from None

    def _exception(self, answer: Mapping[str, Any]) -> BaseException:
        """Return what a function raised, built anew. An iterator of the tests must not take it for its own end."""
        kind = getattr(builtins, str(answer.get("raised")), None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            return self._ended(ProgramEnded(_NO_ANSWER))
        if issubclass(kind, StopIteration | StopAsyncIteration):
            kind = RuntimeError
        try:
            error = kind(*self._value(answer.get("arguments")))
        except (TypeError, ValueError):
            error = RuntimeError()
        error.described = str(answer.get("described"))  # type: ignore[attr-defined]
        return error

    def _ended(self, end: BaseException) -> BaseException:
        self.end = self.end or end
        return self.end if isinstance(end, NotPlain) else end


def _plain(value: Any) -> Any:
    """A value as JSON: what JSON has no kind for is an object with the kind as its key; else `NotPlain`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {"dict": [(_plain(key), _plain(each)) for key, each in value.items()]}
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [_plain(each) for each in value]}
    if isinstance(value, list | range | Iterator | KeysView | ValuesView | ItemsView):
        return [_plain(each) for each in value]
    if isinstance(value, bytes | bytearray):
        return {"bytes": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise NotPlain(type(value).__name__)


_KINDS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda pairs: {_read(key): _read(value) for key, value in pairs},
    "tuple": lambda values: tuple(map(_read, values)),
    "set": lambda values: set(map(_read, values)),
    "frozenset": lambda values: frozenset(map(_read, values)),
    "bytes": bytes.fromhex,
    "complex": lambda parts: complex(*parts),
}


def _read(packed: Any) -> Any:
    """The value that `_plain` made JSON of."""
    if isinstance(packed, dict):
        ((kind, content),) = packed.items()
        return _KINDS[kind](content)
    return [*map(_read, packed)] if isinstance(packed, list) else packed


def _write(descriptor: int, content: Any, sign: bytes = b"") -> None:
    line = sign + json.dumps(content).encode() + b"\n"
    while line:
        line = line[os.write(descriptor, line) :]


def _compiled(text: str) -> tuple[types.CodeType, str]:
    """The program in a text: the text itself, or its first fenced block of Python where the text is no program."""
    try:
        return compile(text, _CODE, "exec", dont_inherit=True), text
    except SyntaxError:
        for language, block in _FENCED.findall(text):
            if language.lower() in ("python", "python3", "py", ""):
                return compile(block, _CODE, "exec", dont_inherit=True), block
        raise


def _described(error: BaseException, sources: Mapping[str, str], reasons: Mapping[str, str]) -> str:
    """Describe what was raised, and the last line of the code or of the tests that it came through."""
    if isinstance(error, MemoryError):
        return reasons["memory"]
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) before the end"[:_LONGEST]
    if type(error) is OSError and str(error.errno) in reasons:
        return reasons[str(error.errno)]
    if isinstance(description := getattr(error, "described", None), str):
        return description
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno or 0))
    try:
        message = str(error.msg if isinstance(error, SyntaxError) else error)[:_LONGEST]
    except Exception:  # noqa: BLE001 - the program's own exceptions may do anything
        message = ""
    text = type(error).__name__ + (f": {message}" if message else "")
    place, number = next((each for each in reversed(places) if each[0] in sources and each[1]), (None, 0))
    if place is None:
        return text
    lines = sources[place].splitlines()
    line = lines[number - 1].strip()[:_LONGEST] if number <= len(lines) else ""
    return f"{text} (line {number} of {place}: {line})"


if __name__ == "__main__":
    main()
