"""The process that trains: `python -m harness.stages.training.process`.

It takes a pickled request from the standard input, and tells how far it is, and what came of it, as frames on what was
the standard output. It ends when its input does, so that no training outlives the run that wants it.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.config.customization import DistilledSettings
from harness.errors import SteelyardError
from harness.models.processes.frames import encode_frame
from harness.stages.training.request import TrainingRequest

Told = Callable[[dict[str, Any]], None]


def main() -> None:
    """Train what the standard input asks for."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    request: TrainingRequest = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_input, daemon=True).start()

    def told(message: dict[str, Any]) -> None:
        answers.write(encode_frame(message))

    try:
        run(request, told)
    except SteelyardError as error:
        told({"failed": str(error)})
    except Exception as error:  # noqa: BLE001  whatever the packages raise must reach the parent
        import traceback

        traceback.print_exc()
        told({"failed": f"{type(error).__name__}: {error}"})
    else:
        told({"trained": True})
    sys.stderr.flush()
    os._exit(0)


def _end_with_input() -> None:
    while sys.stdin.buffer.read(1 << 16):
        pass
    os._exit(1)


def run(request: TrainingRequest, told: Told) -> None:
    """Train, and leave the result in the folder of the request.

    Raises:
        UsageError: the data, the weights or the settings can't be trained with.
    """
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(request.threads)
    torch.use_deterministic_algorithms(True)
    if isinstance(request.settings, DistilledSettings) and request.settings.method == "on_policy":
        from harness.stages.training.on_policy import train_on_policy

        train_on_policy(request, told)
    elif isinstance(request.settings, DistilledSettings):
        from harness.stages.training.students import train_student

        train_student(request, told)
    else:
        from harness.stages.training.adapters import train_adapter

        train_adapter(request, told)


class Teller:
    """Tells how far training is: the step, the loss, tokens a second and the time that is left.

    Args:
        told: called with each message.
        total: steps in all.
    """

    def __init__(self, told: Told, total: int) -> None:
        self._told = told
        self._total = total
        self._began_s: float | None = None
        self._first = 0
        self._tokens = 0

    def step(self, done: int, loss: float, tokens: int) -> None:
        """A step is done, of so many tokens."""
        now_s = time.monotonic()
        note = f"loss {loss:.3f}"
        if self._began_s is None:
            self._began_s, self._first = now_s, done
        else:
            self._tokens += tokens
            seconds = max(now_s - self._began_s, 1e-9)
            left_s = seconds / (done - self._first) * (self._total - done)
            note += f", {self._tokens / seconds:,.0f} tokens/s, {left_s:,.0f} s left"
        self._told({"phase": "training", "done": done, "total": self._total, "unit": "steps", "note": note})


def checkpoint_of(folder: Path) -> str | None:
    """The newest checkpoint in a folder that is whole; None where there is none."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return next((str(path) for path in reversed(found) if (path / "trainer_state.json").is_file()), None)


if __name__ == "__main__":
    main()
