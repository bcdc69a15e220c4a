"""The process that trains: `python -m harness.stages.training.process`.

It takes a pickled request from the standard input, and tells how far it is, and what came of it, as frames on what was
the standard output. It ends when its input does, so that no training outlives the run that wants it.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from typing import Any

from harness.config.customization import DistilledSettings
from harness.errors import SteelyardError
from harness.models.processes.ends import answer_pipe
from harness.models.processes.frames import encode_frame
from harness.stages.training.running import TrainingRequest
from harness.stages.training.trainers import Told


def main() -> None:
    """Train what the standard input asks for."""
    answers = answer_pipe()
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
    # Else each new tensor is filled with NaN before it is written, a fifth of the time of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    if isinstance(request.settings, DistilledSettings):
        from harness.stages.training.students import train_student

        train_student(request, told)
    else:
        from harness.stages.training.adapters import train_adapter

        train_adapter(request, told)


if __name__ == "__main__":
    main()
