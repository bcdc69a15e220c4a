"""A worker that is killed is told of, and one that is told to end is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CODE = """
import os, signal, sys, time
from harness.stages.data.build.process import Watch

told = []
watch = Watch(lambda state: told.append(state["failed"]) if "failed" in state else None)

def child():
    number = os.fork()
    if number == 0:
        signal.pause()
    return number

def end(number, how, n_told=0):
    os.kill(number, how)
    os.waitpid(number, 0)
    while signal.SIGCHLD in signal.sigpending() or len(told) < n_told:
        time.sleep(0.01)

with watch.pool():
    end(child(), signal.SIGTERM)
    end(child(), getattr(signal, sys.argv[1]), n_told=sys.argv[1] != "SIGTERM")
end(child(), signal.SIGKILL)
print(told)
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_killed_worker_is_told_of_while_a_pool_works(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", _CODE, name], capture_output=True, text=True, check=True)
    told = {
        "SIGKILL": "['A worker was ended by signal 9 (SIGKILL). The system does that when memory runs out: take fewer "
        "workers. Build again to go on from there.']",
        "SIGSEGV": "['A worker was ended by signal 11 (SIGSEGV). Build again to go on from there.']",
        "SIGTERM": "[]",
    }
    assert done.stdout.strip() == told[name]
