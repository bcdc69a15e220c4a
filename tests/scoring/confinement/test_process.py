"""The processes of a program and its tests: how they start, and that nothing stays behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.scoring.confinement import ConfinedRun, ProgramLimits, process
from tests.waiting import wait_until

pytestmark = pytest.mark.service

WHO = "import os\nraise ValueError(os.getcwd(), os.getpid(), os.getsid(0))"
PAUSE = "import signal; signal.pause()"


def ending(code: str, tests: str = "", **limits) -> str | None:
    return ConfinedRun(code, tests, ProgramLimits(**limits)).run()


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("code", "tests"), [(WHO, ""), ("pass", WHO), (f"def f():\n  {WHO.replace(chr(10), ';')}", "f()")]
)
def test_nothing_of_a_program_or_its_tests_stays_behind(code: str, tests: str) -> None:
    folders = set()
    for _ in range(2):
        reason = str(ending(code, tests))
        folder, process_id, session = re.findall(r"ValueError: \('(.*?)', (\d+), (\d+)\)", reason)[0]
        assert session == process_id
        assert not Path(folder).exists()
        assert not is_alive(int(process_id))
        folders.add(folder)
    assert len(folders) == 2


def test_a_program_that_is_killed_leaves_nothing_behind_either() -> None:
    code = "import os, sys\nprint(os.getcwd(), os.getpid(), file=sys.stderr, flush=True)\nos.close(0); os.abort()"
    reason = str(ending(code))
    folder, process_id = re.findall(r"SIGABRT before it was done: (\S+) (\d+)", reason)[0]
    assert not Path(folder).exists()
    assert not is_alive(int(process_id))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("for n in range(20): open(str(n), 'wb').write(bytes(10 << 20))", "writes more than 64 MiB in all"),
        ("for n in range(3000): open(str(n), 'w').close()", "makes more than 1,000 files"),
        ("open('a', 'wb').write(bytes(17 << 20))", "writes more than 16 MiB to a file"),
        ("import os; os.posix_fallocate(os.open('a', 66), 0, 4 << 30)", "writes more than 16 MiB to a file"),
        ("import os; os.truncate(os.open('a', 66), 4 << 30)", "writes more than 16 MiB to a file"),
    ],
)
def test_the_disk_is_bounded(code: str, reason: str) -> None:
    assert reason in str(ending(f"{code}\n{PAUSE}"))


def test_threads_are_bounded_and_some_are_free() -> None:
    start = "import threading\nthreading.stack_size(32768)\nheld = threading.Event()\nfor n in range({n}):\n"
    start += "    threading.Thread(target=held.wait, daemon=True).start()\nheld.wait({for_s})"
    assert ending(start.format(n=100, for_s=0.3)) is None
    assert str(ending(start.format(n=400, for_s=None))).startswith(
        ("starts more than 128 threads", "RuntimeError: can't start new")
    )


@pytest.mark.parametrize("number", [36, 63])
def test_a_signal_without_a_name_is_an_ending_as_any_other(number: int) -> None:
    assert str(ending(f"import os; os.kill(os.getpid(), {number})")).startswith(f"ended with signal {number}")


def test_a_reason_is_a_text_that_every_store_takes() -> None:
    reason = str(ending("raise ValueError('\\ud800 \\0 \\x1b[31m \\r')"))
    assert reason.encode("utf-8").startswith(b"ValueError: ")
    assert all(sign.isprintable() for sign in reason)
    assert len(str(ending("raise ValueError('x' * 100_000)"))) < 3000


@pytest.mark.nightly
def test_a_program_ends_with_the_process_that_runs_it() -> None:
    code = (
        "import signal, threading\nfrom harness.scoring.confinement import ConfinedRun, ProgramLimits\n"
        f"run = ConfinedRun({PAUSE!r}, '', ProgramLimits(timeout_s=100))\n"
        "threading.Thread(target=run.run, daemon=True).start()\n"
        "while not run._processes: pass\n"
        "print(run._processes[0]._process.pid, flush=True)\nsignal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        process_id = int(runner.stdout.readline())
        wait_until(lambda: "Seccomp:\t2" in Path(f"/proc/{process_id}/status").read_text())
        runner.kill()
    wait_until(lambda: not is_alive(process_id))


@pytest.mark.parametrize("tests", ["", "f()"])
def test_a_flood_on_the_way_of_its_answers_ends_it(tests: str) -> None:
    write = "try: os.write(fd, b'x' * 65536)\n    except OSError: pass"
    code = f"import os\nwhile True:\n  for fd in range(3, 20):\n    {write}"
    assert ending(code, tests, timeout_s=5) in ("answers with more than 16 MiB", "used more than 5 s of CPU time")


def test_a_program_can_be_stopped_from_another_thread() -> None:
    for tests in ("", "f()"):
        run = ConfinedRun(PAUSE, tests, ProgramLimits(timeout_s=120))
        reasons: list[str | None] = []
        thread = threading.Thread(target=lambda run=run, reasons=reasons: reasons.append(run.run()))
        thread.start()
        wait_until(lambda run=run: run._processes)
        run.stop()
        thread.join()
        assert reasons == ["stopped"]


def test_a_program_that_was_stopped_before_never_starts() -> None:
    run = ConfinedRun("raise ValueError", "", ProgramLimits())
    run.stop()
    assert run.run() == "stopped"


def test_the_time_to_start_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that leaps while it starts reaches no limit."""
    begin, leapt_s = process._Process.begin, [0.0]

    def begin_late(self: Any, work: dict[str, Any]) -> None:
        begin(self, work)
        leapt_s[0] = 3600.0

    monkeypatch.setattr(process._Process, "begin", begin_late)
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + leapt_s[0]))
    assert ending("pass") is None
