"""A module in a process of its own that is given one order, tells how far it is, and ends with what came of it."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from harness.config import child_environment
from harness.models.processes.frames import read_frame

Told = Callable[[dict[str, Any]], None]


def order(module: str, what: Any, *, log: Path, environment: Mapping[str, str], told: Told) -> dict[str, Any] | int:
    """Hand an order to a module that is run as a program, and give its last message; its exit code where it has none.

    The process ends with this one, and with this call, however that ends.

    Args:
        module: reads the order from its input, pickled, and writes messages as frames. Those with the key `phase` say
            how far it is, and the first other one is the last.
        log: what it writes on the standard error is added to this file.
        environment: variables that are set for it.
        told: called with each message that says how far it is.
    """
    process = _OrderedProcess(module, what, log, environment)
    try:
        process.start()
        while (message := process.messages.get()) is not None:
            if "phase" not in message:
                return message
            told(message)
    finally:
        process.end()
    if process.failure is not None:
        raise process.failure
    return process.code


class _OrderedProcess(threading.Thread):
    """Starts the process, hands on what it writes, and puts it away.

    All of that in a thread, for Python raises what a signal asks for in the main thread: a body that builds and is
    interrupted, again and again until it ends, would else leave a process that nobody waits for and open pipes.

    Attributes:
        messages: of the process; None when there are no more.
        code: with which it ended.
        failure: for which there was no process, or no order for it.
    """

    def __init__(self, module: str, what: Any, log: Path, environment: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self.messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.code = 0
        self.failure: Exception | None = None
        self._command = [sys.executable, "-P", "-m", module]
        self._order = what
        self._log = log
        self._environment = environment
        self._pid: int | None = None
        self._is_over = threading.Event()
        self._lock = threading.Lock()

    def end(self) -> None:
        """End the process and wait until nothing is left of it."""
        self._is_over.set()
        self._kill()
        if self.ident is not None:
            self.join()

    def run(self) -> None:
        """Be with the process from its start to its end."""
        try:
            self._run()
        except Exception as error:  # noqa: BLE001  it is raised where the order came from
            self.failure = error
        finally:
            self.messages.put(None)

    def _run(self) -> None:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environment(self._environment),
                start_new_session=True,
            )
        self._pid = process.pid
        orders, answers = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        try:
            with contextlib.suppress(BrokenPipeError):
                pickle.dump(self._order, orders)
                orders.flush()
            is_last = False
            while not (is_last or self._is_over.is_set()) and (message := read_frame(answers)) is not None:
                self.messages.put(message)
                is_last = "phase" not in message
        finally:
            self._kill(forever=True)
            self.code = process.wait()
            for pipe in (orders, answers):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _kill(self, *, forever: bool = False) -> None:
        """Kill what there is of the process; for ever where its id will be free for another one."""
        with self._lock:
            if self._pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)
            if forever:
                self._pid = None
