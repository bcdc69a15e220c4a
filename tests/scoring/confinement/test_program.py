"""What a program finds inside its sandbox."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from harness.scoring.confinement import ConfinedRun, ProgramLimits

pytestmark = pytest.mark.service


def ending(code: str, tests: str = "", **limits) -> str | None:
    return ConfinedRun(code, tests, ProgramLimits(**limits)).run()


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


def test_exit_and_quit_are_there_as_under_any_python() -> None:
    assert ending("print('done')\nexit()") is None
    assert ending("quit(1)") == "sys.exit(1) before the end"


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
    code = "import dataclasses, pickle\n@dataclasses.dataclass\nclass A:\n    x: int\n"
    assert ending(f"{code}assert pickle.loads(pickle.dumps(A(1))) == A(1)") is None


def test_threads_asyncio_and_installed_packages_work() -> None:
    assert ending("import threading\nt = threading.Thread(target=print)\nt.start(); t.join()") is None
    assert ending("import asyncio\nasyncio.run(asyncio.sleep(0))") is None
    assert (
        ending("import numpy\ndef f(): return numpy.arange(3)", "assert f() == [0, 1, 2]", memory_bytes=1 << 30) is None
    )


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
    look = "import os\nassert 'A_SECRET' not in os.environ and os.environ['HOME'] == os.getcwd()"
    assert ending(look) is ending("pass", look) is None


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("import os\nwhile True: os.fork()", errno.EPERM),
        ("import subprocess; subprocess.run(['ls'])", errno.EPERM),
        ("import multiprocessing as m; m.Process(target=print).start()", errno.EPERM),
        ("import os; os.kill(os.getppid(), 9)", errno.ENOSYS),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", errno.EPERM),
        ("open('/tmp/outside', 'w')", errno.EACCES),
        ("import os; os.remove('/etc/hostname')", errno.EACCES),
        ("import os; open(f'/proc/{os.getppid()}/environ')", errno.EACCES),
    ],
)
def test_what_lies_outside_is_refused(code, number) -> None:
    assert f"[Errno {number}]" in str(ending(code))
    assert not Path("/tmp/outside").exists()


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
