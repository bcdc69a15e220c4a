"""Trains a student on answers of its own, at each token of which its teacher says what it expects: by trl."""

from __future__ import annotations

from typing import Any, cast

from harness.config.customization import DistilledSettings
from harness.errors import UsageError
from harness.models.saving import save_like
from harness.stages.training.process import Told, checkpoint_of
from harness.stages.training.request import TrainingRequest
from harness.stages.training.students import check_vocabularies
from harness.stages.training.texts import read_texts
from harness.stages.training.trainers import common_arguments, remove_checkpoints, telling


def train_on_policy(request: TrainingRequest, told: Told) -> None:
    """Train a student on its own answers to the prompts of the data.

    trl's trainer: the reverse divergence, KL(student || teacher), of the tokens that the student wrote, at the
    temperature that they were drawn with and without a hard loss (Agarwal et al. 2024, On-Policy Distillation of
    Language Models).

    Raises:
        UsageError: trl is missing, the vocabularies differ, or a text is no prompt.
    """
    try:
        from trl import DistillationConfig, DistillationTrainer
    except ImportError:
        raise UsageError('method = "on_policy" needs trl: pip install "steelyard[distillation]"') from None
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = cast("DistilledSettings", request.settings)
    assert request.teacher is not None
    check_vocabularies(request.teacher, request.start)
    told({"phase": "reading", "done": 0, "total": None, "unit": "texts", "note": ""})
    prompts = [{"prompt": list(text.prompt)} for text in read_texts(request.data)]
    heat: dict[str, Any] = {} if settings.temperature is None else {"temperature": settings.temperature}
    arguments = DistillationConfig(
        **common_arguments(request),
        **heat,
        per_device_train_batch_size=settings.batch,
        max_completion_length=settings.length,
        gradient_checkpointing=False,
        bf16=False,
    )
    student, teacher = (
        AutoModelForCausalLM.from_pretrained(str(folder), dtype="float32")
        for folder in (request.start, request.teacher)
    )
    trainer = DistillationTrainer(
        model=student,
        teacher_model=teacher,
        args=arguments,
        train_dataset=Dataset.from_list(prompts),
        processing_class=AutoTokenizer.from_pretrained(str(request.start)),
        callbacks=[telling(told, settings.steps, lambda _: settings.batch * settings.length)],
    )
    trainer.train(resume_from_checkpoint=checkpoint_of(request.folder))
    save_like(trainer.model, request.start, request.folder)
    remove_checkpoints(request.folder)
