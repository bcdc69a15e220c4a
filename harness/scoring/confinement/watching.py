"""Watches what a program uses where the kernel sets no bound to it: threads, and the disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.scoring.confinement.sandboxes import ProgramLimits

_BLOCK_BYTES = 512
_OPEN_ARE_ENOUGH = 256


def excess(process_id: int, folder: str | None, limits: ProgramLimits) -> str | None:
    """Say what a process uses too much of, as a reason; None while all is within bounds.

    Each look costs some system calls for each file. No folder is given where it is a file system with bounds of its
    own.
    """
    try:
        if Path("/proc", str(process_id), "task").stat().st_nlink - 2 > limits.threads:
            return f"starts more than {limits.threads} threads"
    except OSError:  # it is gone, or the system does not tell
        pass
    if folder is None:
        return None
    used = n_files = 0
    try:
        for status in (*_beneath(folder, limits.files), *_unlinked(process_id)):
            used += status.st_blocks * _BLOCK_BYTES
            n_files += 1
    except OSError as error:
        return f"makes folders that can't be looked into ({errno.errorcode.get(error.errno or 0)})"
    if used > limits.disk_bytes:
        return f"writes more than {limits.disk_bytes / 2**20:,.0f} MiB in all"
    return f"makes more than {limits.files:,} files" if n_files > limits.files else None


def _beneath(folder: str, most: int) -> Iterator[os.stat_result]:
    """The status of each thing in a folder, of one more than `most` at most. What vanishes meanwhile is left out."""
    waiting, found = [folder], 0
    while waiting and found <= most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    found += 1
                    yield status
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(entry.path)
                    if found > most:
                        return
        except (FileNotFoundError, NotADirectoryError):
            continue


def _unlinked(process_id: int) -> Iterator[os.stat_result]:
    """The status of each file that the process has open and that has no name any more."""
    try:
        descriptors = list(Path(f"/proc/{process_id}/fd").iterdir())[:_OPEN_ARE_ENOUGH]
    except OSError:
        return
    for descriptor in descriptors:
        try:
            status = descriptor.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
            yield status
