"""What a program finds inside its walls."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from pathlib import Path

import pytest

from harness.scoring.confinement import ConfinedRun, ProgramLimits
from harness.scoring.confinement.system_calls import libseccomp
from harness.scoring.confinement.walls import _refuse

pytestmark = pytest.mark.service

needs_filter = pytest.mark.skipif(libseccomp() is None, reason="libseccomp is not installed")


def landlock_version() -> int:
    if sys.platform != "linux":
        return 0
    return int(ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1))


needs_landlock = pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")


def ending(code: str, tests: str = "", **limits) -> str | None:
    return ConfinedRun(code, tests, ProgramLimits(**limits)).run()


def call(expression: str) -> str:
    """A program that calls the C library itself, past Python's own rules, and fails with the error number."""
    library = "import ctypes, os\nc = ctypes.CDLL(None, use_errno=True)\n"
    return f"{library}if {expression} < 0: raise OSError(ctypes.get_errno(), 'refused')"


#: Without a rule a call is unknown; some have a rule that says so in other words.
REFUSED = (f"PermissionError: [Errno {errno.EPERM}] refused", f"OSError: [Errno {errno.ENOSYS}] refused")


def test_a_program_and_its_tests_run_to_their_end() -> None:
    assert ending("print('hello')") is None
    assert ending("def double(x): return 2 * x", "assert double(2) == 4") is None


@pytest.mark.parametrize(
    ("code", "tests", "reason"),
    [
        (
            "def f(): return 1",
            "assert f() == 1\nassert f() == 2",
            "AssertionError (line 2 of the tests: assert f() == 2)",
        ),
        ("def f():\n    return 1 / 0", "f()", "ZeroDivisionError: division by zero (line 2 of the code: return 1 / 0)"),
        ("x = 1\nx +", "", "SyntaxError: invalid syntax (line 2 of the code: x +)"),
        ("x = 1", "x x", "SyntaxError: invalid syntax (line 1 of the tests: x x)"),
        ("import absent", "", "ModuleNotFoundError: No module named 'absent' (line 1 of the code: import absent)"),
        ("input()", "", "EOFError: EOF when reading a line (line 1 of the code: input())"),
        ("a\0b", "", "SyntaxError: source code string cannot contain null bytes"),
        ("raise SystemExit('no')", "", "sys.exit('no') before the end"),
        ("raise SystemExit", "assert False", "sys.exit(None) before the end"),
        ("import os; os._exit(0)", "assert False", "ended with exit code 0 before it was done"),
        ("import os; os.kill(os.getpid(), 15)", "", "ended with SIGTERM before it was done"),
        ("def f(): return f()\nf()", "", "RecursionError: maximum recursion depth exceeded (line 1 of the code: "),
        ("class E(Exception):\n    def __str__(self): raise E\nraise E", "", "E (line 3 of the code: raise E)"),
    ],
)
def test_what_stopped_a_program_is_said(code, tests, reason) -> None:
    assert str(ending(code, tests)).startswith(reason)


def test_a_surrogate_on_its_own_is_no_program() -> None:
    assert "surrogates not allowed" in str(ending("\ud800"))


def test_a_crash_of_the_interpreter_is_said() -> None:
    assert ending("import ctypes; ctypes.string_at(0)") == "ended with SIGSEGV before it was done"


def test_the_code_of_an_answer_is_its_first_fenced_block_of_python() -> None:
    answer = "Sure!\n```bash\nls\n```\n```python\ndef f():\n    return 1\n```\nUse it so:\n```python\nf() / 0\n```"
    assert ending(answer, "assert f() == 1") is None
    assert "line 2 of the code: return 1 / 0" in str(ending("So:\n```\ndef f():\n    return 1 / 0\n```", "f()"))
    assert ending('text = """\n```python\nraise ValueError\n```\n"""') is None
    assert "SyntaxError" in str(ending("There is no code here."))


def test_the_main_part_runs_where_there_are_no_tests() -> None:
    code = "x = 1\nif __name__ == '__main__':\n    x = 2 / 0"
    assert "ZeroDivisionError" in str(ending(code))
    assert ending(code, "assert x == 1") is None


def test_classes_find_their_module() -> None:
    code = "import dataclasses, pickle\n@dataclasses.dataclass\nclass A:\n    x: int"
    assert ending(code, "assert pickle.loads(pickle.dumps(A(1))) == A(1)") is None


def test_threads_asyncio_and_installed_packages_work() -> None:
    assert ending("import threading\nt = threading.Thread(target=print)\nt.start(); t.join()") is None
    assert ending("import asyncio\nasyncio.run(asyncio.sleep(0))") is None
    assert ending("import numpy", "assert numpy.arange(3).sum() == 3", memory_bytes=1 << 30) is None


def test_files_in_its_own_folder_work() -> None:
    code = """
import os, shutil, tempfile
assert os.listdir() == []
open("a", "w").write("x")
os.mkdir("d"); os.rename("a", "d/a"); shutil.copy("d/a", "b"); os.symlink("b", "c"); os.remove("c")
with tempfile.TemporaryDirectory() as other, open(f"{other}/e", "w") as file:
    file.write("y")
shutil.rmtree("d")
assert open("b").read() == "x"
"""
    assert ending(code) is None


def test_what_is_random_is_the_same_every_time() -> None:
    code = "import random\nraise ValueError(random.random(), hash('text'))"
    assert ending(code) == ending(code)


def test_the_environment_is_its_own(monkeypatch) -> None:
    monkeypatch.setenv("A_SECRET", "s3cret")
    assert ending("import os", "assert 'A_SECRET' not in os.environ and os.environ['HOME'] == os.getcwd()") is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os\nwhile True: os.fork()", "no other process can be started or reached (os.fork)"),
        ("import subprocess; subprocess.run(['ls'])", "no other process can be started"),
        ("import os; os.system('ls')", "no other process can be started"),
        ("import os; os.execv('/bin/ls', ['ls'])", "no other process can be started"),
        ("import multiprocessing as m; m.Process(target=print).start()", "no other process can be started"),
        ("import os; os.kill(os.getppid(), 9)", "no other process can be started or reached (os.kill)"),
        ("import os; os.kill(-1, 9)", "no other process can be started or reached (os.kill)"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "there is no network here"),
        ("import socket; socket.socket().bind(('', 0))", "there is no network here"),
        ("import urllib.request as u; u.urlopen('http://127.0.0.1:9')", "there is no network here"),
        ("open('/tmp/outside', 'w')", "only the program's own folder can be written: '/tmp/outside'"),
        ("open('../outside', 'w')", "only the program's own folder can be written"),
        ("import os; os.symlink('/tmp', 'link'); open('link/outside', 'w')", "only the program's own folder can be"),
        ("import os; os.remove('/etc/hostname')", "only the program's own folder can be changed (os.remove)"),
        ("import os; os.rename(__file__ if 0 else '/etc/hostname', 'a')", "only the program's own folder can be"),
        ("import os; os.mkdir('/tmp/outside')", "only the program's own folder can be changed (os.mkdir)"),
        ("import os; open(f'/proc/{os.getppid()}/environ')", "other processes can't be looked at"),
    ],
)
def test_what_lies_beyond_the_walls_is_refused(code, words) -> None:
    assert words in str(ending(code))
    assert not Path("/tmp/outside").exists()


@needs_filter
@pytest.mark.parametrize(
    "expression",
    [
        "c.fork()",
        "c.vfork()",
        "c.execv(b'/bin/ls', None)",
        "c.setsid()",
        "c.socket(2, 1, 0)",
        "c.socket(1, 1, 0)",
        "c.kill(os.getppid(), 0)",
        "c.kill(-1, 9)",
        "c.ptrace(16, os.getppid(), 0, 0)",
        "c.setpriority(0, os.getppid(), 19)",
        "c.prlimit(os.getppid(), 0, None, ctypes.create_string_buffer(16))",
        "c.memfd_create(b'm', 0)",
        "c.shmget(1, 4096, 0o1600)",
        "c.syscall(425, 8, ctypes.create_string_buffer(256))",
    ],
)
def test_the_kernel_refuses_it_past_python_too(expression) -> None:
    assert str(ending(call(expression))).startswith(REFUSED)


@needs_landlock
@pytest.mark.parametrize("path", ["/tmp/outside", "../outside", "/dev/shm/outside"])
def test_the_kernel_refuses_to_write_outside_the_folder(path) -> None:
    reason = ending(call(f"c.open({path.encode()!r}, os.O_WRONLY | os.O_CREAT, 0o600)"))
    assert str(reason).startswith("PermissionError: [Errno 13] refused")


@needs_landlock
def test_the_kernel_refuses_to_read_what_is_the_users(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret", encoding="utf-8")
    for path in (str(secret), "/etc/passwd"):
        assert str(ending(call(f"c.open({path.encode()!r}, 0)"))).startswith("PermissionError: [Errno 13] refused")
    environ = "c.open(f'/proc/{os.getppid()}/environ'.encode(), 0)"
    assert str(ending(call(environ))).startswith("PermissionError: [Errno 13] refused")


@needs_filter
def test_modes_owners_and_times_of_files_stay_as_they_are(tmp_path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o640)
    before = path.stat()
    code = f"import os\np = {str(path)!r}\nos.chmod(p, 0); os.utime(p, (0, 0)); os.chown(p, 1, 1)"
    assert ending(code) is None
    after = path.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (before.st_mode, before.st_mtime_ns, before.st_uid)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_even_root_has_no_capability_inside() -> None:
    code = """
import ctypes
c, held = ctypes.CDLL(None), (ctypes.c_uint32 * 6)()
assert c.capget((ctypes.c_uint32 * 2)(0x20080522, 0), held) == 0
assert list(held) == [0] * 6, list(held)
"""
    assert ending(code) is None


#: Wall time or CPU time, whichever limit comes first.
TIME_IS_UP = ("still ran after 1 s", "used more than 1 s of CPU time")


@pytest.mark.parametrize(
    ("code", "limits", "reason"),
    [
        ("while True: pass", {"timeout_s": 1}, TIME_IS_UP),
        ("import signal; signal.pause()", {"timeout_s": 0.5}, "still ran after 0.5 s"),
        (
            "import signal\nfor s in (1, 2, 15, 24): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
            {"timeout_s": 1},
            TIME_IS_UP,
        ),
        ("import os; os.closerange(0, 1000)\nwhile True: pass", {"timeout_s": 1}, TIME_IS_UP),
        ("x = bytearray(10 << 30)", {}, "needs more than 512 MiB of memory"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", {"memory_bytes": 100 << 20}, "needs more than 100 MiB"),
        ("line = 'x' * (1 << 20)\nfor _ in range(1024): print(line)", {}, "writes more than 16 MiB to a file or as"),
        ("open('a', 'wb').write(bytes(17 << 20))", {}, "writes more than 16 MiB to a file or as output"),
        ("files = [open(str(i), 'w') for i in range(1000)]", {}, "OSError: [Errno 24] Too many open files"),
    ],
)
def test_what_goes_beyond_a_limit_ends_with_its_reason(code, limits, reason) -> None:
    assert str(ending(code, **limits)).startswith(reason)


def test_memory_that_threads_take_counts() -> None:
    code = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()"
    assert "can't start new thread" in str(ending(code))


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.__new__", (None, socket.AF_INET, 1, 0)),
        ("socket.connect", (None, ("127.0.0.1", 9))),
        ("subprocess.Popen", ("ls", ["ls"], None, None)),
        ("os.fork", ()),
        ("os.kill", (1, 9)),
        ("open", ("/elsewhere", "w", os.O_WRONLY)),
        ("open", (b"/elsewhere", "w", os.O_RDWR | os.O_CREAT)),
        ("open", ("/proc/1/environ", "r", 0)),
        ("os.rename", ("inside", "/elsewhere", -1, -1)),
    ],
)
def test_python_refuses_it_where_the_kernel_does_not(tmp_path, event, arguments) -> None:
    with pytest.raises(PermissionError):
        _refuse(str(tmp_path))(event, arguments)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.__new__", (None, socket.AF_UNIX, 1, 0)),
        ("os.kill", (os.getpid(), 15)),
        ("open", (3, "w", os.O_WRONLY)),
        ("open", ("/usr/lib/anything", "r", 0)),
        ("open", ("/dev/null", "w", os.O_WRONLY)),
        ("import", ("json", None, None, None, None)),
    ],
)
def test_python_lets_pass_what_harms_nobody(tmp_path, event, arguments) -> None:
    _refuse(str(tmp_path))(event, arguments)
    _refuse(str(tmp_path))("open", (str(tmp_path / "inside"), "w", os.O_WRONLY))
