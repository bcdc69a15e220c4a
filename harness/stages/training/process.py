"""The process that trains: `python -m harness.stages.training.process`."""

from __future__ import annotations

from harness.config.customization import DistilledSettings
from harness.stages.ordered import Told, carry_out
from harness.stages.training.running import TrainingRequest


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
    carry_out(run)
