"""What the worker of a training does."""

from __future__ import annotations

import pickle

from harness.config.customization import DistilledSettings
from harness.models.processes.worker import Progress
from harness.stages.training.running import TrainingRequest


def train_here(order: str, progress: Progress) -> None:
    """Train in this process, and leave the result in the folder of the request.

    Args:
        order: the request, pickled, in hexadecimal digits.

    Raises:
        UsageError: the data, the weights or the settings can't be trained with.
    """
    request: TrainingRequest = pickle.loads(bytes.fromhex(order))
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

        train_student(request, progress)
    else:
        from harness.stages.training.adapters import train_adapter

        train_adapter(request, progress)
