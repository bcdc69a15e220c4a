"""Processes that build by an order, `harness.models.processes.ordered`: how they carry it out, and how they ended."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import SteelyardError
from harness.models.processes.ends import answer_pipe, how_it_ended
from harness.models.processes.frames import encode_frame

Told = Callable[[dict[str, Any]], None]
"""Called with each message for the process that waits."""
_LAST_LINES = 5


def carry_out(work: Callable[[Any, Told], None]) -> NoReturn:
    """Do what the standard input asks for, pickled, and write how far it is and what came of it as frames on what was
    the standard output. This process ends, with all that it started, when its input does.
    """
    answers, orders = answer_pipe(), os.dup(0)
    with os.fdopen(os.dup(0), "rb", buffering=0) as pipe:
        what = pickle.load(pipe)
    # Each process that is forked closes its standard input, and would wait for a thread that reads from it.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with, args=(orders,), daemon=True).start()

    def told(message: dict[str, Any]) -> None:
        answers.write(encode_frame(message))

    try:
        work(what, told)
    except SteelyardError as error:
        told({"failed": str(error)})
    except Exception as error:  # noqa: BLE001  whatever the packages raise must reach the parent
        import traceback

        traceback.print_exc()
        told({"failed": f"{type(error).__name__}: {error}"})
    else:
        told({"done": True})
    sys.stderr.flush()
    os._exit(0)


def _end_with(pipe: int) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the threads that wait for them
    while os.read(pipe, 1 << 16):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def failure(outcome: dict[str, Any] | int, name: str, log: Path) -> str | None:
    """Say why an order was not carried out, with the end of its log where the process did not; None where it was."""
    if not isinstance(outcome, int):
        return outcome.get("failed")
    lines = log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:] if log.exists() else []
    last = "".join(f"\n  {line}" for line in lines)
    return f"The process that {name} {how_it_ended(outcome)}.{f' The end of its log, {log}:{last}' if last else ''}"
