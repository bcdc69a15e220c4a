"""Requests to a process of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.config.customization import AdapterSettings, DistilledSettings
from harness.stages.training.texts import TrainingData


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
        places_at_once: tokens computed at once; None for as many as is usual.
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
    places_at_once: int | None = None
