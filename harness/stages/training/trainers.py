"""Runs the trainer of transformers: what all trainings have in common, how far one is, and where it goes on."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.models.processes.worker import Progress
from harness.stages.training.running import TrainingRequest
from harness.stages.training.sequences import IGNORED, TokenSequence

Collate = Callable[[Sequence[TokenSequence]], dict[str, Any]]
PLACES_AT_ONCE = 4096
"""Tokens computed at once: what is more in a step is computed in turns, whose gradients are added up."""
STATE = "trainer_state.json"
"""The file of a checkpoint that transformers writes last."""

_WARM_UP = 0.05
_SAVES = 5


def run_trainer(
    model: Any,
    chosen: Sequence[TokenSequence],
    request: TrainingRequest,
    told: Progress,
    *,
    trainer_class: Callable[..., Any] | None = None,
    collate: Collate | None = None,
) -> Any:
    """The model, trained on sequences in their order; training that was killed goes on from its newest checkpoint.

    Args:
        chosen: the sequences of all steps.
        trainer_class: of transformers; None for the trainer whose loss is the model's own.
        collate: makes a batch; None for that of `collated`.

    Raises:
        UsageError: training diverged.
    """
    from transformers import Trainer

    trainer = (trainer_class or Trainer)(
        model=model,
        args=_arguments(request),
        train_dataset=list(chosen),
        data_collator=collate or collated,
        callbacks=[_telling(told, chosen, request)],
    )
    trainer.train(resume_from_checkpoint=checkpoint_of(request.folder))
    # A last step whose loss was a number may leave weights that are none.
    if not all(each.isfinite().all() for each in trainer.model.parameters() if each.requires_grad):
        raise UsageError(
            "Training diverged: its last step left weights that are no numbers. Take a lower learning_rate."
        )
    return trainer.model


def _telling(told: Progress, chosen: Sequence[TokenSequence], request: TrainingRequest) -> Any:
    """Make a trainer's callback that tells after each step how far training is, and ends what diverged."""
    from transformers import TrainerCallback

    teller, batch = Teller(told, request.settings.steps), request.settings.batch

    class Telling(TrainerCallback):  # type: ignore[misc]
        """Tells of each step."""

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                loss, step = float(logs["loss"]), state.global_step
                if not math.isfinite(loss):
                    raise UsageError(
                        f"Training diverged: the loss of step {step} is {loss}. Take a lower learning_rate."
                    )
                teller.step(step, loss, sum(len(each.tokens) for each in chosen[(step - 1) * batch : step * batch]))

    return Telling()


class Teller:
    """Tells how far training is: the step, the loss, tokens a second and the time that is left.

    Args:
        told: called with each message.
        total: steps in all.
    """

    def __init__(self, told: Progress, total: int) -> None:
        self._told, self._total = told, total
        self._began: tuple[float, int] | None = None
        self._tokens = 0

    def step(self, done: int, loss: float, tokens: int) -> None:
        """A step is done, of so many tokens."""
        now_s, note = time.monotonic(), f"loss {loss:.3f}"
        if self._began is None:
            self._began = now_s, done
        else:
            began_s, first = self._began
            self._tokens += tokens
            seconds = max(now_s - began_s, 1e-9)
            note += f", {self._tokens / seconds:,.0f} tokens/s"
            if done < self._total:
                note += f", {seconds / (done - first) * (self._total - done):,.0f} s left"
        self._told({"phase": "training", "done": done, "total": self._total, "unit": "steps", "note": note})


def _arguments(request: TrainingRequest) -> Any:
    import torch
    from transformers import TrainingArguments

    settings = request.settings
    turns = turns_of(settings.batch, settings.length, PLACES_AT_ONCE)
    return TrainingArguments(
        output_dir=str(request.folder),
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

    longest = max(len(item.tokens) for item in items)
    batch: dict[str, list[list[int]]] = {"input_ids": [], "attention_mask": [], "labels": []}
    for item in items:
        lacking = longest - len(item.tokens)
        batch["input_ids"].append([*item.tokens, *[0] * lacking])
        batch["attention_mask"].append([1] * len(item.tokens) + [0] * lacking)
        # Nothing foretells the first token; counted among the places of the loss, it would make the mean too small.
        batch["labels"].append([IGNORED, *item.labels[1:], *[IGNORED] * lacking])
    return {name: torch.tensor(rows) for name, rows in batch.items()}


def checkpoint_of(folder: Path) -> str | None:
    """The newest checkpoint in a folder that is whole; None where there is none."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return next((str(path) for path in reversed(found) if (path / STATE).is_file()), None)


def remove_checkpoints(folder: Path) -> None:
    """Remove what training would go on from."""
    for checkpoint in folder.glob("checkpoint-*"):
        (checkpoint / STATE).unlink(missing_ok=True)  # what is killed now must not go on from half of one
        shutil.rmtree(checkpoint)
