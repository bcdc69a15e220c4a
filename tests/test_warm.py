"""A forked session is to a test what a process that `python` starts is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import warm

pytestmark = pytest.mark.service

LOOK = """
import json, os, signal, sys, threading
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "flags": list(sys.flags), "folder": os.getcwd(),
    "environment": dict(os.environ),
    "signals": [str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
    "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "group": os.getpgid(0) == os.getpid(),
    "files": sorted(os.listdir("/proc/self/fd"))[:-1], "threads": threading.active_count(), "module": __name__,
    "buffered": [sys.stdout.line_buffering, sys.stderr.line_buffering], "encodings": [sys.stdout.encoding],
    "errors": [sys.stdout.errors, sys.stderr.errors], "here": sys.modules["__main__"].__dict__ is globals(),
    "tests": [name for name in sys.modules if name.partition(".")[0] == "tests"],
}))
sys.exit(3)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a module, also under a name that the project's tests have."""
    (tmp_path / "look.py").write_text(LOOK)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").write_text("")
    (tmp_path / "tests" / "look.py").write_text("from tests import __file__ as here\nprint(here)")
    return tmp_path


def anew(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("arguments", [("-c", LOOK, "a", "b c"), ("-m", "look", "a")], ids=["code", "module"])
@pytest.mark.parametrize("changed", [{}, {"PYTHONPATH": "/nowhere:/tmp", "TZ": "Asia/Tokyo"}], ids=["same", "changed"])
def test_it_finds_what_a_started_process_finds(
    place: Path, arguments: tuple[str, ...], changed: dict[str, str]
) -> None:
    environment = {**os.environ, **changed}
    forked, started = warm.run(*arguments, cwd=place, env=environment), anew(*arguments, cwd=place, env=environment)
    found, expected = json.loads(forked.stdout), json.loads(started.stdout)
    if arguments[0] == "-m":
        assert [found.pop("argv")[1:], expected.pop("argv")[1:]] == [["a"], ["a"]]
    assert found == expected
    assert forked.returncode == started.returncode == 3
    assert (forked.stderr, started.stderr) == ("", "")


def test_packages_of_its_folder_are_its_own(place: Path) -> None:
    assert warm.run("-m", "tests.look", cwd=place).stdout.strip() == str(place / "tests" / "__init__.py")


def test_what_takes_long_is_loaded_and_nothing_has_run() -> None:
    code = "import sys, harness; print(all(name in sys.modules for name in sys.argv[1:]))"
    assert warm.run("-c", code, *warm.PRELOADED).stdout == "True\n"


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", -2), ("SIGTERM", -15), ("SIGKILL", -9)])
def test_a_signal_reaches_it_and_is_its_exit_code(sent: str, code: int) -> None:
    sleeps = "import time; print('sleeps', flush=True); time.sleep(60)"
    with warm.start("-c", sleeps, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sleeps\n"
        assert process.poll() is None
        assert process.pid != os.getpid()
        process.send_signal(signal.Signals[sent])
        assert process.wait(30) == code
    assert not Path(f"/proc/{process.pid}").exists()


def test_it_ends_as_a_process_does() -> None:
    code = "import atexit, sys; atexit.register(print, 'at exit'); raise SystemExit('why')"
    done, started = warm.run("-c", code), anew("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (started.returncode, started.stdout, started.stderr)
    raised = warm.run("-c", "1 / 0")
    assert raised.returncode == 1
    assert raised.stderr.endswith("ZeroDivisionError: division by zero\n")
    with pytest.raises(subprocess.CalledProcessError):
        warm.run("-c", "raise SystemExit(7)", check=True)


@pytest.mark.nightly
def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run("-c", code, cwd=tmp_path, timeout=5)
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_it_can_lead_a_group_of_its_own() -> None:
    code = "import os, time; print(os.getpgid(0) == os.getsid(0) == os.getpid(), flush=True); time.sleep(60)"
    with warm.start("-c", code, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -9


def test_many_at_once_are_told_apart() -> None:
    code = "import sys, numpy.random as r; print(r.random()); sys.exit(int(sys.argv[1]))"
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda number: warm.run("-c", code, str(number)), range(8)))
    assert [each.returncode for each in done] == list(range(8))
    assert len({each.stdout for each in done}) == 8


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (("-W", "error", "-c", "pass"), {}),
        (("-c", "pass"), {"PYTHONHASHSEED": "7"}),
        (("-c", "pass"), {"OMP_NUM_THREADS": "3"}),
        (("-c", "pass"), {"PYTHONPATH": "site"}),
    ],
)
def test_what_is_read_at_the_start_is_read_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], changed: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("")
    process = warm.start(*arguments, env={**os.environ, **changed})
    assert process.wait(60) == 0
    assert isinstance(process, subprocess.Popen)
    assert isinstance(warm.start("-c", "pass"), warm.Session)


LOOKS_IN_A_WORKER = """
import json, os, pathlib, sys

READLINE = "LINES", "COLUMNS"  # the C library sets them behind Python's back, for all that is started later

def test_look(worker_id):
    found = {
        "path": sys.path, "flags": list(sys.flags), "folder": os.getcwd(),
        "group": os.getpgid(0) == os.getpgid(os.getppid()),
        "environment": {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", *READLINE))},
    }
    loaded = "sqlalchemy.dialects.postgresql" in sys.modules
    pathlib.Path(worker_id).write_text(json.dumps([found, os.getppid(), loaded]))
"""


def test_its_workers_are_forked_and_find_what_started_ones_find(tmp_path: Path) -> None:
    """The last number is how many there are, and the first how many of these are forked."""
    (tmp_path / "test_it.py").write_text(LOOKS_IN_A_WORKER)
    (tmp_path / "conftest.py").write_text("import os\n\ndef pytest_configure(): os.environ['LATE'] = 'told'\n")
    workers = ("-p", "no:cacheprovider", "-p", "no:deepeval", "-n", "1", "-n", "2", "--dist", "each")
    with warm.start("-m", "pytest", *workers, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        assert process.wait(240) == 0
    forked, started = (json.loads((tmp_path / name).read_text()) for name in ("gw0", "gw1"))
    assert forked[0] == started[0]
    assert forked[0]["environment"]["LATE"] == "told"
    assert (forked[1:], started[1:]) == ([process.pid, True], [process.pid, False])
