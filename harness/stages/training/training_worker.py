"""Training by the trainer of transformers, in a process of its own: what is asked, how far it is, where it goes on."""

from __future__ import annotations

import importlib
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.config.customization import AdapterSettings, DistilledSettings
from harness.config.environment import first_gpu, free_threads
from harness.errors import EngineError, UsageError
from harness.models.processes.worker import Progress, WaitingWorker
from harness.models.tokenization.version_tokenizer import load_tokenizer
from harness.stages.build_state import BuildProgress, BuildState
from harness.stages.training.sequences import IGNORED, TokenSequence, drawn, make_sequences
from harness.stages.training.texts import TrainingData, read_texts

PLACES_AT_ONCE = 4096
"""Tokens computed at once: what is more in a step is computed in turns, whose gradients are added up."""
_KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
"""For glibc: to be given anew the logits of each step, hundreds of megabytes, takes a quarter of the processor time."""
_WARM_UP = 0.05
_SAVES = 5


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A training that is asked for.

    Attributes:
        start: the folder of the weights that it starts from.
        folder: where the result goes.
        tokenizer: the folder of the tokenizer that the result is served with; None for that of `start`.
        start_digest: what identifies the weights that an adapter starts from.
        teacher: the folder of the teacher's weights; None where there is none.
        targets: the folder in which the teacher's logits are kept for the next student; None without a teacher.
    """

    version: str
    settings: DistilledSettings | AdapterSettings
    data: TrainingData
    start: Path
    folder: Path
    tokenizer: Path | None = None
    start_digest: str = ""
    teacher: Path | None = None
    targets: Path | None = None

    @property
    def work(self) -> Path:
        """The folder beside the result from which training goes on after it was killed."""
        return self.folder.with_name(f"{self.folder.name}.work")


def train(request: TrainingRequest, trainer: str, progress: BuildProgress) -> None:
    """Train by a function, "module:name", in a process of its own. Raises UsageError: it can't be trained."""
    request.work.mkdir(exist_ok=True)
    fixed = {"PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", **_KEEPS_MEMORY}
    # Of several GPUs transformers' trainer would give each a batch of its own.
    environment = {"OMP_NUM_THREADS": str(free_threads()), "CUDA_VISIBLE_DEVICES": first_gpu(), **fixed}
    log = request.work / "training.log"
    asked = {"order": pickle.dumps(request).hex(), "trainer": trainer}
    with WaitingWorker(__name__, name="The training", env=environment, log=log) as worker:
        try:
            worker.call("train_here", asked, lambda state: progress(BuildState(request.version, **state)))
        except EngineError as error:
            raise UsageError(str(error)) from error


def train_here(order: str, trainer: str, progress: Progress) -> None:
    """Train in this process, a worker, what a request asks for: pickled, in hexadecimal digits."""
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    # Else each new tensor is filled with NaN before it is written, a fifth of the time of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    module, _, name = trainer.partition(":")
    getattr(importlib.import_module(module), name)(pickle.loads(bytes.fromhex(order)), progress)


def read_sequences(request: TrainingRequest, progress: Progress) -> tuple[list[TokenSequence], int]:
    """The sequences of all steps of a training, in their order, and the size of the vocabulary."""
    settings, folder = request.settings, request.tokenizer or request.start
    progress({"phase": "reading", "unit": "texts"})
    with TemporaryDirectory() as made:
        if not (folder / "tokenizer.json").is_file():  # transformers alone reads it
            from transformers import AutoTokenizer

            AutoTokenizer.from_pretrained(str(folder)).save_pretrained(made)
            folder = Path(made)
        tokenizer = load_tokenizer({"tokenizer": str(folder)}, folder)
    sequences = make_sequences(read_texts(request.data), tokenizer, settings.length)
    return drawn(sequences, settings.steps * settings.batch, settings.seed), len(tokenizer.pieces)


def run_trainer(
    model: Any,
    chosen: Sequence[TokenSequence],
    request: TrainingRequest,
    progress: Progress,
    *,
    trainer_class: Callable[..., Any] | None = None,
    collate: Callable[[Sequence[TokenSequence]], dict[str, Any]] | None = None,
) -> Any:
    """The model, trained on the sequences of all steps; training that was killed goes on from its newest checkpoint.
    Without `trainer_class` the loss is the model's own.
    """
    from transformers import Trainer, TrainerCallback

    settings = request.settings
    timed: list[tuple[int, float]] = []

    class Telling(TrainerCallback):  # type: ignore[misc]
        """Tells after each step how far training is, and ends what diverged."""

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" not in (logs or {}):
                return
            loss, step = float(logs["loss"]), state.global_step
            if not math.isfinite(loss):
                raise UsageError(f"Training diverged: the loss of step {step} is {loss}. Take a lower learning_rate.")
            note = f"loss {loss:.3f}"
            timed.append((step, time.monotonic()))
            if len(timed) > 1:  # the first step takes longer
                (first, began_s), now_s = timed[0], timed[-1][1]
                n_tokens = sum(len(each.tokens) for each in chosen[first * settings.batch : step * settings.batch])
                note += f", {n_tokens / max(now_s - began_s, 1e-9):,.0f} tokens/s"
            progress({"phase": "training", "done": step, "total": settings.steps, "unit": "steps", "note": note})

    trainer = (trainer_class or Trainer)(
        model=model,
        args=_arguments(request),
        train_dataset=list(chosen),
        data_collator=collate or collated,
        callbacks=[Telling()],
    )
    trainer.train(resume_from_checkpoint=checkpoint_of(request.work))
    if not all(each.isfinite().all() for each in trainer.model.parameters() if each.requires_grad):
        raise UsageError(
            "Training diverged: its last step left weights that are no numbers. Take a lower learning_rate."
        )
    return trainer.model


def _arguments(request: TrainingRequest) -> Any:
    import torch
    from transformers import TrainingArguments

    settings = request.settings
    turns = turns_of(settings.batch, settings.length, PLACES_AT_ONCE)
    return TrainingArguments(
        output_dir=str(request.work),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch // turns,
        gradient_accumulation_steps=turns,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=min(max(1, round(_WARM_UP * settings.steps)), settings.steps - 1),
        save_steps=max(1, settings.steps // _SAVES),
        save_total_limit=1,
        logging_steps=1,
        logging_nan_inf_filter=False,
        bf16=settings.precision == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        seed=settings.seed,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
    )


def turns_of(batch: int, length: int, places_at_once: int) -> int:
    """In how many turns of equal size a step is computed, so that each has few enough tokens where that can be."""
    wanted = -(-batch * length // places_at_once)
    return next((turns for turns in range(1, batch) if batch % turns == 0 and turns >= wanted), batch)


def collated(items: Sequence[TokenSequence]) -> dict[str, Any]:
    """A batch of sequences, padded at their ends with what is not looked at and carries no loss."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    tokens = [torch.tensor(item.tokens) for item in items]
    # Nothing foretells the first token; counted among the places of the loss, it would make the mean too small.
    labels = [torch.tensor([IGNORED, *item.labels[1:]]) for item in items]
    return {
        "input_ids": pad_sequence(tokens, batch_first=True),
        "attention_mask": pad_sequence([torch.ones_like(each) for each in tokens], batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
    }


def checkpoint_of(folder: Path) -> str | None:
    """The newest checkpoint in a folder that is whole: transformers writes the state last."""
    whole = [state.parent for state in folder.glob("checkpoint-*/trainer_state.json")]
    return max(map(str, whole), key=lambda path: int(path.rpartition("-")[2]), default=None)
