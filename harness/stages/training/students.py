"""Trains a student on what its teacher foretells, by the trainer of transformers with the loss of soft targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from harness.config.customization import DistilledSettings
from harness.errors import UsageError
from harness.models.saving import save_like
from harness.stages.training.process import Told
from harness.stages.training.request import TrainingRequest
from harness.stages.training.sequences import IGNORED, TokenSequence, drawn, make_sequences
from harness.stages.training.soft_targets import distillation_loss
from harness.stages.training.teacher_cache import TeacherCache
from harness.stages.training.texts import read_texts
from harness.stages.training.trainers import collated, remove_checkpoints, run_trainer


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
    save_like(trained, request.start, request.folder)
    remove_checkpoints(request.folder)


def _train(
    student: Any, chosen: Sequence[TokenSequence], cache: TeacherCache, request: TrainingRequest, told: Told
) -> Any:
    import torch
    from transformers import Trainer

    settings = cast("DistilledSettings", request.settings)

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

    def with_targets(items: Sequence[TokenSequence]) -> dict[str, Any]:
        batch = collated(items)
        longest = batch["input_ids"].shape[1]
        read = [map(torch.from_numpy, cache.read(item.tokens)) for item in items]
        padded = [[torch.nn.functional.pad(each, (0, 0, 0, longest - len(each))) for each in pair] for pair in read]
        ids, logprobs = zip(*padded, strict=True)
        return {**batch, "ids": torch.stack(ids), "logprobs": torch.stack(logprobs)}

    return run_trainer(student, chosen, request, told, trainer_class=SoftTargets, collate=with_targets)


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
