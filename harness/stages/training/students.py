"""Trains a student by soft targets, or on texts alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from harness.config.customization import DistilledSettings
from harness.models.files.saved import load_whole, save_like
from harness.models.processes.worker import Progress
from harness.stages.training.running import TrainingRequest
from harness.stages.training.sequences import IGNORED, TokenSequence, config_setting, read_sequences
from harness.stages.training.soft_targets import distillation_loss
from harness.stages.training.teacher_cache import TeacherCache
from harness.stages.training.trainers import collated, remove_checkpoints, run_trainer
from harness.stages.training.vocabularies import check_vocabularies


def train_student(request: TrainingRequest, told: Progress) -> None:
    """Train a student on what its teacher foretells, or on texts alone: the teacher's own, or all loss being hard.

    Raises:
        UsageError: the vocabularies differ, or the texts can't be learned from, or are longer than what weights take.
    """
    settings = cast("DistilledSettings", request.settings)
    teacher = request.teacher if settings.method == "soft_targets" and settings.hard_weight < 1 else None
    if teacher is not None:
        check_vocabularies(request.teacher_tokenizer or teacher, request.tokenizer or request.start)
    weights = [request.start] if teacher is None else [request.start, teacher]
    chosen, tokenizer = read_sequences(request, told, *weights)
    how: dict[str, Any] = {}
    if teacher is not None:
        # The teacher may have more embeddings, padded, than the tokenizer and the student.
        n_tokens = max(tokenizer.get_vocab().values()) + 1
        how = _softly(_targets_of(chosen, request, teacher, told, n_tokens), settings)
    trained = run_trainer(load_whole(request.start, "float32"), chosen, request, told, **how)
    save_like(trained, request.start, request.folder)
    remove_checkpoints(request.folder)


def _targets_of(
    chosen: Sequence[TokenSequence], request: TrainingRequest, teacher: Path, told: Progress, n_tokens: int
) -> TeacherCache:
    """Return the teacher's predictions for the sequences, kept on disk; compute those that are missing."""
    import torch

    settings = cast("DistilledSettings", request.settings)
    assert request.targets is not None
    assert settings.temperature is not None
    cache = TeacherCache(request.targets, settings.top_k, settings.temperature)

    def load_teacher() -> Any:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return load_whole(teacher, "float32").to(device).eval()

    cache.fill(
        chosen,
        load_teacher,
        lambda done, total: told(
            {"phase": "asking the teacher", "done": done, "total": total, "unit": "sequences", "note": ""}
        ),
        n_tokens=min(n_tokens, config_setting(request.start, "vocab_size") or n_tokens),
    )
    return cache


def _softly(cache: TeacherCache, settings: DistilledSettings) -> dict[str, Any]:
    """Return the trainer's class, and what makes its batches."""
    import torch
    from transformers import Trainer

    assert settings.temperature is not None
    temperature, hard_weight = settings.temperature, settings.hard_weight

    class SoftTargets(Trainer):  # type: ignore[misc]
        """The trainer, with Hinton's loss as the mean over a step's places."""

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            labels, ids, logprobs = (inputs.pop(name) for name in ("labels", "ids", "logprobs"))
            outputs = model(**inputs)
            total = distillation_loss(
                outputs.logits, labels, ids, logprobs, temperature=temperature, hard_weight=hard_weight
            )
            places = num_items_in_batch if num_items_in_batch is not None else (labels[:, 1:] != IGNORED).sum()
            loss = total / places
            return (loss, outputs) if return_outputs else loss

    def with_targets(items: Sequence[TokenSequence]) -> dict[str, Any]:
        batch = collated(items)
        longest = batch["input_ids"].shape[1]
        read = [cache.read(item.tokens) for item in items]
        if settings.shuffled:
            read = shuffled(read, settings.seed)
        tensors = [map(torch.from_numpy, pair) for pair in read]
        padded = [[torch.nn.functional.pad(each, (0, 0, 0, longest - len(each))) for each in pair] for pair in tensors]
        ids, logprobs = zip(*padded, strict=True)
        return {**batch, "ids": torch.stack(ids), "logprobs": torch.stack(logprobs)}

    return {"trainer_class": SoftTargets, "collate": with_targets}


def shuffled(targets: Sequence[tuple[Any, Any]], seed: int) -> list[tuple[Any, Any]]:
    """The same targets at other places of a batch: what a teacher says, and not of which place it says it.

    Args:
        targets: ids and log probabilities of each sequence, of shape (length, top_k).
    """
    import numpy as np

    lengths = [len(ids) for ids, _ in targets]
    every = [np.concatenate(parts) for parts in zip(*targets, strict=True)]
    # By the content, so that training that was killed goes on with the same places.
    order = np.random.default_rng([seed, int(every[0].sum())]).permutation(sum(lengths))
    ends = np.cumsum(lengths)[:-1]
    return list(zip(*(np.split(part[order], ends) for part in every), strict=True))
