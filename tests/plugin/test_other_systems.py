"""The core and the `openai` engine run where there is no fork, and nothing else that Windows lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.loopback import Loopback, Options

pytestmark = pytest.mark.service

# Hides from Steelyard what Windows has not, once the libraries are there, which have their own ways on each system.
ELSEWHERE = """
import asyncio, logging, multiprocessing, os, random, select, shutil, signal, subprocess, sys, tempfile, uuid
import aiohttp, click, filelock, greenlet, krippendorff, numpy, psutil, pydantic, pytest, rich.console, scipy.special
import sqlalchemy.dialects.sqlite

for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios"):
    sys.modules[name] = None
GONE = {
    os: "fork forkpty register_at_fork killpg setsid setpgid getpgid getpgrp getuid geteuid getgid sched_getaffinity "
    "sched_setscheduler mkfifo uname wait4 O_PATH O_CLOEXEC O_DIRECTORY O_NOFOLLOW",
    signal: "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGQUIT SIGSTOP SIGUSR1 SIGXCPU alarm pause pthread_kill "
    "pthread_sigmask setitimer sigtimedwait sigwait",
    select: "poll epoll",
}
for module, names in GONE.items():
    for name in names.split():
        vars(module).pop(name, None)


def kill(pid, number, kill=os.kill):
    caller = sys._getframe(1).f_globals["__name__"]
    assert not caller.startswith("harness"), f"{caller}: on Windows os.kill ends the process, whatever the signal"
    kill(pid, number)


os.kill = kill
exec(sys.argv[1])
"""


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    plain = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "STEELYARD"))}
    plain |= {"PYTEST_ADDOPTS": "-p no:deepeval -p no:hypothesispytest -p no:benchmark -p no:rerunfailures"}
    return subprocess.run(
        [sys.executable, "-c", ELSEWHERE, code], cwd=folder, env=plain, capture_output=True, text=True, encoding="utf-8"
    )


def test_a_first_gate_is_red_and_is_reported_again(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "from harness.cli import main\n"
        "main(['init', 'demo'], standalone_mode=False)\n"
        "os.chdir('demo')\n"
        "code = pytest.main(['suites', '--candidate', 'forgetful'])\n"
        "main(['report', '--format', 'html', '--format', 'junit'], standalone_mode=False)\n"
        "main(['store', 'info'], standalone_mode=False)\n"
        "sys.exit(code)\n",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "RED: 1 regressed" in done.stdout


def test_an_endpoint_is_weighed(tmp_path: Path) -> None:
    cases = files("harness.cli") / "scaffold" / "evals" / "foundation" / "capitals" / "cases.jsonl"
    rows = map(json.loads, cases.read_text(encoding="utf-8").splitlines())
    server = Loopback(Options(answers={row["prompt"]: row["expected"] for row in rows}))
    try:
        done = run(
            tmp_path,
            "from harness.cli import main\n"
            f"main(['init', '--engine', 'openai', '--base-url', {server.base_url!r}, '--model', 'loopback'],"
            " standalone_mode=False)\n"
            "sys.exit(pytest.main(['suites']))\n",
        )
    finally:
        server.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GREEN: 1 passed" in done.stdout
    assert server.received


def test_gates_share_a_store_and_what_needs_another_system_says_so(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "from harness.errors import EngineError\n"
        "from harness.models.processes.worker import Worker\n"
        "from harness.store import Store\n"
        "with Store.open('store.db') as store:\n"
        "    ours, theirs = store.draw_leases(), store.draw_leases()\n"
        "    print(len(ours.take([(b'k' * 16, 0)])), len(theirs.take([(b'k' * 16, 0)])))\n"
        "try:\n"
        "    asyncio.run(Worker.spawn('json', name='app'))\n"
        "except EngineError as error:\n"
        "    print(error)\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "1 0", "the other holder is alive, and keeps its lease"
    assert "app needs a process group" in done.stdout


def test_the_commands_are_there_and_the_doctor_looks(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "from harness.cli import main\n"
        "main(['load', '--help'], standalone_mode=False)\n"
        "main(['review', '--help'], standalone_mode=False)\n"
        "main(['doctor'], standalone_mode=False)\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "there is no project here yet: `steelyard init` makes one"
