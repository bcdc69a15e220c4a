"""Watches what a program uses where the kernel sets no bound to it: threads, and the disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from harness.scoring.confinement.sandboxes import ProgramLimits

_BLOCK_BYTES = 512
_OPEN_ARE_ENOUGH = 256


def excess(process_id: int, folder: str | None, limits: ProgramLimits) -> str | None:
    """Say what a process uses too much of, as a reason; None while all is within bounds.

    Each look costs a system call for each file. No folder is given where it is a file system with bounds of its own.
    """
    proc = Path("/proc", str(process_id))
    with suppress(OSError):  # it is gone, or the system does not tell
        if (proc / "task").stat().st_nlink - 2 > limits.threads:
            return f"starts more than {limits.threads} threads"
    if folder is None:
        return None
    used = 0
    try:
        for n_files, status in enumerate(chain(_beneath(folder), _unlinked(proc)), 1):
            used += status.st_blocks * _BLOCK_BYTES
            if used > limits.disk_bytes:
                return f"writes more than {limits.disk_bytes / 2**20:,.0f} MiB in all"
            if n_files > limits.files:
                return f"makes more than {limits.files:,} files"
    except OSError as error:
        return f"makes folders that can't be looked into ({errno.errorcode.get(error.errno or 0)})"
    return None


def _beneath(folder: str) -> Iterator[os.stat_result]:
    """The status of each thing in a folder, however deep. What vanishes meanwhile is left out."""
    waiting = [folder]
    while waiting:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                yield status
                waiting += [entry.path] if stat.S_ISDIR(status.st_mode) else []


def _unlinked(proc: Path) -> Iterator[os.stat_result]:
    """The status of each file that the process has open and that has no name any more."""
    with suppress(OSError):
        for descriptor in islice((proc / "fd").iterdir(), _OPEN_ARE_ENOUGH):
            with suppress(OSError):
                status = descriptor.stat()
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    yield status
