"""What is asked of a training, and the worker that does it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

from harness.config.customization import AdapterSettings, DistilledSettings
from harness.config.environment import first_gpu
from harness.errors import EngineError, UsageError
from harness.models.processes.worker import WaitingWorker
from harness.stages.build_state import BuildProgress, BuildState
from harness.stages.training.texts import TrainingData

LOG = "training.log"
_MODULE = "harness.stages.training.process"
_KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
"""For glibc: logits of hundreds of megabytes come and go at every step, and to be given them anew by the system each
time takes more than a quarter of the processor time."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A training that is asked for.

    Attributes:
        version: its name.
        settings: how it is trained.
        data: what on.
        start: the folder of the weights that it starts from.
        teacher: the folder of the teacher's weights; None where there is none.
        targets: the folder in which the teacher's logits are kept for the next student; None without a teacher.
        folder: where the result goes, and until then what training goes on from after it was killed.
        threads: of the processor that training may take.
        tokenizer: the folder of the tokenizer that the result is served with; None for that of `start`.
        teacher_tokenizer: the folder of the teacher's; None for that of `teacher`.
        start_digest: what identifies the weights that it starts from.
    """

    version: str
    settings: DistilledSettings | AdapterSettings
    data: TrainingData
    start: Path
    teacher: Path | None
    targets: Path | None
    folder: Path
    threads: int
    tokenizer: Path | None = None
    teacher_tokenizer: Path | None = None
    start_digest: str = ""


def train(request: TrainingRequest, progress: BuildProgress) -> None:
    """Train in a process of its own, which ends with this one.

    Raises:
        UsageError: the data, the weights or the settings can't be trained with. What was trained until then is kept in
            the folder.
    """
    log = request.folder / LOG
    fixed = {"PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", **_KEEPS_MEMORY}
    # Of several GPUs transformers' trainer would give each a batch of its own.
    environment = {"OMP_NUM_THREADS": str(request.threads), "CUDA_VISIBLE_DEVICES": first_gpu(), **fixed}

    with WaitingWorker(_MODULE, name="The training", env=environment, log=log) as worker:
        try:
            order = pickle.dumps(request).hex()
            worker.call("train_here", {"order": order}, lambda state: progress(BuildState(request.version, **state)))
        except EngineError as error:
            raise UsageError(str(error)) from error
    log.unlink()
