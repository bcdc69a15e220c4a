"""All workers whose callers wait share one event loop, whoever is first."""

from __future__ import annotations

import subprocess
import sys

FIRST_CALLERS = """
import threading
from harness.models.processes import worker

barrier, loops = threading.Barrier(16), []

def first():
    barrier.wait()
    loops.append(worker._background()[0])

threads = [threading.Thread(target=first) for _ in range(16)]
for each in threads: each.start()
for each in threads: each.join()
print(len(set(map(id, loops))))
"""


def test_first_callers_in_several_threads_get_one_loop() -> None:
    """What one loop awaits of another hangs: nobody wakes it."""
    done = subprocess.run([sys.executable, "-c", FIRST_CALLERS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
