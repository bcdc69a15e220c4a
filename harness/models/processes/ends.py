"""The ends of a child process: the pipes that it reads and answers on, and how it ended.

It needs the standard library alone, for an application's process may have no more.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import Any, BinaryIO

from harness.models.processes.frames import read_frame


def answer_pipe() -> BinaryIO:
    """What was the standard output, for answers alone: whatever is printed goes to the standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def incoming() -> queue.SimpleQueue[dict[str, Any]]:
    """The messages of the standard input, read by a thread that ends the process as soon as its parent is gone."""
    messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    return messages


def _receive(messages: queue.SimpleQueue[dict[str, Any]]) -> None:
    while (message := read_frame(sys.stdin.buffer)) is not None:
        messages.put(message)
    # The parent closed the pipe or is gone. Python would first wait for the work that is going on, wanted by nobody.
    os._exit(0)


def how_it_ended(code: int) -> str:
    """The end of a process, after its name.

    >>> how_it_ended(1), how_it_ended(-11)
    ('ended with exit code 1', 'was ended by signal 11 (SIGSEGV)')
    """
    if code == -signal.SIGKILL:
        return "was killed (signal 9); the system does that when memory runs out"
    return f"was ended by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
