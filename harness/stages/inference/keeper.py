"""Runs a command that never outlives the run: `python -m harness.stages.inference.keeper COMMAND …`.

The command and everything that it starts is ended when the standard input of this process ends, which also happens when
its parent is killed; when this process gets SIGTERM; or when the command itself ends and leaves something behind.
`STAND_STILL` on the standard input stops the command's process group, and `GO_ON` wakes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

import psutil

STAND_STILL, GO_ON = b"-", b"+"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 8.0
_ENDED_BY_SIGNAL = 128


def main() -> int:
    """Run the command until it ends or is not wanted any more; gives its exit code, as a shell would."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what the command leaves behind becomes a child of this process
    process = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        process_group=0,
        # Should this process be killed, the system ends the command.
        preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        ended = os.pidfd_open(process.pid)
        while ended not in select.select([0, ended], [], [])[0] and (order := os.read(0, 1 << 10)):
            os.killpg(process.pid, signal.SIGSTOP if order.endswith(STAND_STILL) else signal.SIGCONT)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGCONT)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        process.kill()
    code = process.wait()
    deadline = time.monotonic() + _GRACE_S  # what loses its parent becomes a child: until nothing is left
    while (left := psutil.Process().children(recursive=True)) and time.monotonic() < deadline:
        for each in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(left, _GRACE_S)
    return code if code >= 0 else _ENDED_BY_SIGNAL - code


if __name__ == "__main__":
    sys.exit(main())
