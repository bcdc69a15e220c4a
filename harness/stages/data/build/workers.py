"""Sees to it that a build does not wait for a worker that was killed.

A pool of processes replaces a worker that dies, and never learns what became of its task: whoever waits for the tasks
waits for ever.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_KILLED = (2, 3)
"""CLD_KILLED and CLD_DUMPED of waitid(2): the child was ended by a signal."""


class WorkerWatch:
    """Tells of child processes that are killed while a pool works. To be made before the first thread starts.

    Args:
        killed: called in a thread of its own, with what happened in words; one that is told to end is not told of.
    """

    def __init__(self, killed: Callable[[str], None]) -> None:
        self._killed = killed
        self._works = threading.Event()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        threading.Thread(target=self._wait, daemon=True).start()

    @contextmanager
    def pool(self) -> Iterator[None]:
        """A pool works meanwhile."""
        self._works.set()
        try:
            yield
        finally:
            self._works.clear()

    def _wait(self) -> None:
        while True:
            found: Any = signal.sigwaitinfo({signal.SIGCHLD})
            if self._works.is_set() and found.si_code in _KILLED and found.si_status != signal.SIGTERM:
                self._killed(_ended_by(found.si_status))


def _ended_by(number: int) -> str:
    cause = " The system does that when memory runs out: take fewer workers." if number == signal.SIGKILL else ""
    name = signal.Signals(number).name
    return f"A worker was ended by signal {number} ({name}).{cause} Build again to go on from there."
