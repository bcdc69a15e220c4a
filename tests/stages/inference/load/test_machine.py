"""What else a machine does is told apart from the server and from the run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.stages.inference.load.machine import MachineTimes, MachineUse, read_times, server_pids, use_between

BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def test_what_is_not_ours_nor_the_servers_is_others() -> None:
    before = MachineTimes(total=1000, busy=500, stolen=10, ours=100, server=200)
    after = MachineTimes(total=1200, busy=650, stolen=16, ours=120, server=280)
    cores = os.cpu_count() or 1
    assert use_between(before, after) == MachineUse(0.03, 50 / 200 * cores, cores)
    assert use_between(before, replace(after, server=None)) == MachineUse(0.03, None, cores)
    assert use_between(None, after) is use_between(after, after) is None


@pytest.mark.service
def test_processes_that_this_one_started_are_ours() -> None:
    before = read_times(())
    subprocess.run([sys.executable, "-c", BURN.format(0.3)], check=True)
    after = read_times(())
    assert before is not None
    assert after is not None
    assert after.ours - before.ours >= 0.3 * os.sysconf("SC_CLK_TCK") - 2


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
    assert server_pids("http://192.0.2.1:8000/v1") == frozenset()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert server_pids(f"http://127.0.0.1:{free.getsockname()[1]}/v1") is None
