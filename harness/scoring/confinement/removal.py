"""Removes the folder of a program that has ended, whatever the program left in it."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections import deque

_ALL_OF_OWNER = 0o700


def remove(folder: str) -> None:
    """Remove a folder with all that is in it: nested however deep, named however, with modes that forbid it.

    A folder in a folder is first moved to the top: so no path gets longer than the system allows, and nothing recurs.
    """
    top = os.fsencode(folder)
    numbers = itertools.count()
    waiting = deque([top])
    while waiting:
        place = waiting.popleft()
        for path in _opened(place):
            with contextlib.suppress(OSError):
                if not _is_folder(path):
                    os.unlink(path)  # noqa: PTH108 - paths are bytes here, which need not be text
                else:
                    waiting.append(path if place == top else _lift(path, top, numbers))
        if place != top:
            with contextlib.suppress(OSError):
                os.rmdir(place)  # noqa: PTH106
    with contextlib.suppress(OSError):
        os.rmdir(top)  # noqa: PTH106


def _opened(folder: bytes) -> list[bytes]:
    """What is in a folder, once its owner may read and change it."""
    with contextlib.suppress(OSError):
        os.chmod(folder, _ALL_OF_OWNER)  # noqa: PTH101
        return [os.path.join(folder, name) for name in os.listdir(folder)]  # noqa: PTH118, PTH208
    return []


def _is_folder(path: bytes) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _lift(path: bytes, top: bytes, numbers: itertools.count[int]) -> bytes:
    """Move a folder to the top under a free name. To be moved it must be writable: it names the folder above it."""
    os.chmod(path, _ALL_OF_OWNER)  # noqa: PTH101
    while True:
        lifted = os.path.join(top, b"%d" % next(numbers))  # noqa: PTH118
        if not os.path.lexists(lifted):
            os.rename(path, lifted)  # noqa: PTH104
            return lifted
