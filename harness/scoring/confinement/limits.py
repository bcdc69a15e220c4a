"""The limits of a confined program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    """The most that a program may use.

    Attributes:
        timeout_s: seconds of wall time, and of CPU time rounded up.
        memory_bytes: its address space, the interpreter's own included.
        file_bytes: the largest file that it writes, its output included.
        disk_bytes: all that it writes to files.
        files: how many files and folders it makes.
        open_files: how many at once.
        threads: how many at once, the first included.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 512 << 20
    file_bytes: int = 16 << 20
    disk_bytes: int = 64 << 20
    files: int = 1000
    open_files: int = 64
    threads: int = 128
