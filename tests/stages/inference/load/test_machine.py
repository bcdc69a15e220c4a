"""What else a machine does is told apart from the server and from the run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from harness.stages.inference.load.machine import Counters, read_machine, server_pids, use_between

EnergyCounters = dict[str, tuple[float, float]]
BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def test_what_is_not_ours_nor_the_servers_is_others() -> None:
    before, after = Counters(1000, 500, 10, 300, {}), Counters(1200, 650, 16, 400, {})
    cores = 50 / 200 * (os.cpu_count() or 1)
    assert use_between(before, after) == (cores, 0.03, None)
    assert use_between(before, after._replace(known=None)).others_cpu is None


@pytest.mark.service
def test_processes_that_this_one_started_are_known() -> None:
    before = read_machine(())
    subprocess.run([sys.executable, "-c", BURN.format(0.3)], check=True)
    after = read_machine(())
    assert before.known is not None
    assert after.known is not None
    assert after.known - before.known >= 0.28
    assert after.busy - before.busy >= 0.28


def test_the_process_that_listens_at_an_address_is_the_server() -> None:
    code = "import signal, socket\ns = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
    code += "print(s.getsockname()[1], flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert server_pids(f"http://127.0.0.1:{port}/v1") == {process.pid}
        assert server_pids(f"http://localhost:{port}/v1") == {process.pid}
        process.kill()


def test_a_server_elsewhere_has_no_process_here_and_one_that_is_not_there_is_unknown() -> None:
    assert server_pids("http://192.0.2.1:8000/v1") == ()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert server_pids(f"http://127.0.0.1:{free.getsockname()[1]}/v1") is None


def joules_between(before: EnergyCounters, after: EnergyCounters) -> float | None:
    first, last = (Counters(0, 0, 0, None, energy) for energy in (before, after))
    return use_between(first, last).energy_j


def test_a_counter_that_began_anew_tells_nothing_and_one_that_came_round_does() -> None:
    """A GPU's counter starts at 0 with its driver: what was taken was negative."""
    assert joules_between({"gpu0": (500.0, 0.0), "cpu": (1.0, 9.0)}, {"gpu0": (520.0, 0.0), "cpu": (2.0, 9.0)}) == 21.0
    assert joules_between({"gpu0": (500.0, 0.0), "cpu": (1.0, 9.0)}, {"gpu0": (20.0, 0.0), "cpu": (2.0, 9.0)}) is None
    assert joules_between({"cpu": (8.0, 9.0)}, {"cpu": (1.0, 9.0)}) == 2.0
    assert joules_between({}, {}) is None
