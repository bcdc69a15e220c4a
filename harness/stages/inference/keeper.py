"""Runs a command that never outlives the run: `python -m harness.stages.inference.keeper COMMAND …`.

The command and everything that it starts is ended when the standard input of this process ends, which also happens when
its parent is killed; when this process gets SIGTERM; or when the command itself ends and leaves something behind.
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
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 8.0
_ENDED_BY_SIGNAL = 128
_STEP_S = 0.05


def main() -> int:
    """Run the command until it ends or is not wanted any more; gives its exit code, as a shell would."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what the command leaves behind becomes a child of this process
    process = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        # Should this process be killed, the system ends the command.
        preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        while process.poll() is None:
            if select.select([0], [], [], _STEP_S)[0] and not os.read(0, 1 << 10):
                break
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        process.kill()
    code = process.wait()
    _end_descendants()
    return code if code >= 0 else _ENDED_BY_SIGNAL - code


def _end_descendants() -> None:
    """Kill whatever is left of what the command started, until nothing is."""
    deadline = time.monotonic() + _GRACE_S
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if time.monotonic() > deadline:
            return
        time.sleep(_STEP_S)


def _children() -> list[int]:
    """The children of this process; their own become this one's when they end."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
