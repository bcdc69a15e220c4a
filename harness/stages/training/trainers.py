"""Runs the trainer of transformers: what all trainings have in common."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.stages.training.request import TrainingRequest
from harness.stages.training.sequences import IGNORED, TokenSequence
from harness.stages.training.telling import STATE, Teller, Told, checkpoint_of

Collate = Callable[[Sequence[TokenSequence]], dict[str, Any]]
PLACES_AT_ONCE = 4096
"""Tokens computed at once: what is more in a step is computed in turns, whose gradients are added up."""

_WARM_UP = 0.05
_SAVES = 5


def run_trainer(
    model: Any,
    chosen: Sequence[TokenSequence],
    request: TrainingRequest,
    told: Told,
    *,
    trainer_class: Callable[..., Any] | None = None,
    collate: Collate | None = None,
) -> Any:
    """The model, trained on sequences in their order; training that was killed goes on from its newest checkpoint.

    Args:
        chosen: the sequences of all steps.
        trainer_class: of transformers; None for the trainer whose loss is the model's own.
        collate: makes a batch; None for that of `collated`.
    """
    from transformers import Trainer

    batch = request.settings.batch

    def tokens_of(step: int, _logs: Mapping[str, Any]) -> int:
        return sum(len(each.tokens) for each in chosen[(step - 1) * batch : step * batch])

    trainer = (trainer_class or Trainer)(
        model=model,
        args=_arguments(request),
        train_dataset=list(chosen),
        data_collator=collate or collated,
        callbacks=[telling(told, request.settings.steps, tokens_of)],
    )
    trainer.train(resume_from_checkpoint=checkpoint_of(request.folder))
    check_finite(trainer.model)
    return trainer.model


def check_finite(model: Any) -> None:
    """Refuse weights that are no numbers, which a last step may leave whose loss was one.

    Raises:
        UsageError: there are some.
    """
    if not all(each.isfinite().all() for each in model.parameters() if each.requires_grad):
        raise UsageError(
            "Training diverged: its last step left weights that are no numbers. Take a lower learning_rate."
        )


def telling(told: Told, steps: int, tokens_of: Callable[[int, Mapping[str, Any]], float]) -> Any:
    """Make a trainer's callback that tells after each step how far training is.

    Args:
        steps: in all.
        tokens_of: how many tokens a step saw, by its number from 1 on and what the trainer logs of it.
    """
    from transformers import TrainerCallback

    teller = Teller(told, steps)

    class Telling(TrainerCallback):  # type: ignore[misc]
        """Tells of each step."""

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                loss, step = float(logs["loss"]), state.global_step
                if not math.isfinite(loss):
                    raise UsageError(
                        f"Training diverged: the loss of step {step} is {loss}. Take a lower learning_rate."
                    )
                teller.step(step, loss, tokens_of(step, logs))

    return Telling()


def _arguments(request: TrainingRequest) -> Any:
    from transformers import TrainingArguments

    settings = request.settings
    turns = turns_of(settings.batch, settings.length, request.places_at_once or PLACES_AT_ONCE)
    return TrainingArguments(
        **common_arguments(request),
        per_device_train_batch_size=settings.batch // turns,
        gradient_accumulation_steps=turns,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
    )


def common_arguments(request: TrainingRequest) -> dict[str, Any]:
    """Return the arguments that every trainer gets: how long, how fast, from which seed, and where it goes on from."""
    import torch

    settings = request.settings
    return {
        "output_dir": str(request.folder),
        "max_steps": settings.steps,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": min(max(1, round(_WARM_UP * settings.steps)), settings.steps - 1),
        "save_steps": max(1, settings.steps // _SAVES),
        "save_total_limit": 1,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "bf16": settings.precision == "bfloat16",
        "use_cpu": not torch.cuda.is_available(),
        "seed": settings.seed,
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


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


def remove_checkpoints(folder: Path) -> None:
    """Remove what training would go on from."""
    for checkpoint in folder.glob("checkpoint-*"):
        (checkpoint / STATE).unlink(missing_ok=True)  # what is killed now must not go on from half of one
        shutil.rmtree(checkpoint)
