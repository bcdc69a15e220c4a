"""Trains a student on what its teacher foretells, by the trainer of transformers with the loss of soft targets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from harness.config.customization import DistilledSettings
from harness.errors import UsageError
from harness.stages.training.process import Teller, Told, checkpoint_of
from harness.stages.training.request import TrainingRequest
from harness.stages.training.sequences import IGNORED, TokenSequence, drawn, make_sequences
from harness.stages.training.soft_targets import distillation_loss
from harness.stages.training.teacher_cache import TeacherCache
from harness.stages.training.texts import read_texts

_WARM_UP = 0.05
_SAVES = 10


def train_student(request: TrainingRequest, told: Told) -> None:
    """Train a student by soft targets.

    Raises:
        UsageError: the vocabularies differ, or the texts can't be learned from.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = cast("DistilledSettings", request.settings)
    assert request.teacher is not None
    assert request.targets is not None
    check_vocabularies(request.teacher, request.start)
    tokenizer = AutoTokenizer.from_pretrained(str(request.start))
    told({"phase": "reading", "done": 0, "total": None, "unit": "texts", "note": ""})
    sequences = make_sequences(read_texts(request.data), tokenizer, settings.length)
    chosen = drawn(sequences, settings.steps * settings.batch, settings.seed)
    cache = TeacherCache(request.targets, settings.top_k, settings.temperature)

    def load_teacher() -> Any:
        return AutoModelForCausalLM.from_pretrained(str(request.teacher), dtype="float32").eval()

    cache.fill(
        chosen,
        load_teacher,
        lambda done, total: told(
            {"phase": "asking the teacher", "done": done, "total": total, "unit": "sequences", "note": ""}
        ),
    )
    student = AutoModelForCausalLM.from_pretrained(str(request.start), dtype="float32")
    trained = _train(student, chosen, cache, request, told)
    _save(trained, request)


def _train(
    student: Any, chosen: Sequence[TokenSequence], cache: TeacherCache, request: TrainingRequest, told: Told
) -> Any:
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    settings = cast("DistilledSettings", request.settings)
    teller = Teller(told, settings.steps)

    class SoftTargets(Trainer):  # type: ignore[misc]
        """The trainer, with Hinton's loss as the mean over a step's places."""

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            labels, ids, logprobs = (inputs.pop(name) for name in ("labels", "ids", "logprobs"))
            outputs = model(**inputs)
            total = distillation_loss(
                outputs.logits,
                labels,
                ids,
                logprobs,
                temperature=settings.temperature,
                hard_weight=settings.hard_weight,
            )
            places = num_items_in_batch if num_items_in_batch is not None else (labels[:, 1:] != IGNORED).sum()
            loss = total / places
            return (loss, outputs) if return_outputs else loss

    class Telling(TrainerCallback):  # type: ignore[misc]
        """Tells of each step."""

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                teller.step(state.global_step, logs["loss"], settings.batch * settings.length)

    def collate(items: Sequence[TokenSequence]) -> dict[str, Any]:
        longest = max(len(item.tokens) for item in items)
        batch: dict[str, list[Any]] = {"input_ids": [], "attention_mask": [], "labels": [], "ids": [], "logprobs": []}
        for item in items:
            lacking = longest - len(item.tokens)
            ids, logprobs = map(torch.from_numpy, cache.read(item.tokens))
            batch["input_ids"].append(torch.tensor([*item.tokens, *[0] * lacking]))
            batch["attention_mask"].append(torch.tensor([1] * len(item.tokens) + [0] * lacking))
            batch["labels"].append(torch.tensor([IGNORED, *item.labels[1:], *[IGNORED] * lacking]))
            batch["ids"].append(torch.nn.functional.pad(ids, (0, 0, 0, lacking)))
            batch["logprobs"].append(torch.nn.functional.pad(logprobs, (0, 0, 0, lacking)))
        return {name: torch.stack(values) for name, values in batch.items()}

    arguments = TrainingArguments(
        output_dir=str(request.folder),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, round(_WARM_UP * settings.steps)),
        train_sampling_strategy="sequential",
        save_steps=max(1, settings.steps // _SAVES),
        save_total_limit=1,
        logging_steps=1,
        seed=settings.seed,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    trainer = SoftTargets(
        model=student, args=arguments, train_dataset=list(chosen), data_collator=collate, callbacks=[Telling()]
    )
    trainer.train(resume_from_checkpoint=checkpoint_of(request.folder))
    return trainer.model


def _save(model: Any, request: TrainingRequest) -> None:
    """Leave the weights alone in the folder, in the type of those that training began with."""
    import torch

    config = json.loads((request.start / "config.json").read_text("utf-8"))
    name = str(config.get("dtype", config.get("torch_dtype", "float32")))
    model.to(getattr(torch, name)).save_pretrained(str(request.folder))
    for checkpoint in request.folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    for file in request.start.iterdir():
        is_weights = file.suffix in (".safetensors", ".bin") or file.name.endswith(".index.json")
        if file.is_file() and not is_weights and not (request.folder / file.name).exists():
            shutil.copyfile(file, request.folder / file.name)


def check_vocabularies(teacher: Path, student: Path) -> None:
    """See that a token means the same to both, by the content of their vocabularies.

    Raises:
        UsageError: it does not.
    """
    from harness.models.tokenization.version_tokenizer import load_tokenizer

    theirs, ours = (load_tokenizer({"weights": str(folder)}, folder) for folder in (teacher, student))
    if theirs.n_tokens != ours.n_tokens:
        raise UsageError(
            f"The teacher has {theirs.n_tokens:,} tokens and the student {ours.n_tokens:,}: soft targets need one "
            'vocabulary. method = "sequence" teaches by texts, whatever the vocabulary.'
        )
    for number in range(theirs.n_tokens):
        if theirs.piece_of(number) != ours.piece_of(number):
            raise UsageError(
                f"Token {number:,} is {theirs.piece_of(number)!r} to the teacher and {ours.piece_of(number)!r} to the "
                'student: soft targets need one vocabulary. method = "sequence" teaches by texts, whatever the '
                "vocabulary."
            )
