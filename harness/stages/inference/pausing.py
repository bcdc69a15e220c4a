"""Servers that stand still while another is measured."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def pausing(pids: Iterable[int | None]) -> Iterator[None]:
    """Stops servers until the context ends, however it ends: they are woken if this process is killed, too.

    Args:
        pids: of the servers that this run started; None for those that it did not, which are left as they are.
    """
    known = {_group(pid) for pid in pids if pid is not None} - {os.getpgrp()}
    groups = sorted(group for group in known if group is not None)
    if not groups:
        yield
        return
    # Its input ends with this process, however that ends; a stopped server could not notice it itself.
    command = ["sh", "-c", 'read _; kill -s CONT -- "$@" 2>/dev/null', "sh", *(f"-{group}" for group in groups)]
    waker = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        for group in groups:
            _signal(group, signal.SIGSTOP)
        yield
    finally:
        for group in groups:
            _signal(group, signal.SIGCONT)
        assert waker.stdin is not None
        with suppress(BrokenPipeError):
            waker.stdin.close()
        waker.wait()


def wake(pid: int) -> None:
    """Wake the process group of a process."""
    if (group := _group(pid)) is not None:
        _signal(group, signal.SIGCONT)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
