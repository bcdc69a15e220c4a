"""Trains a student: by soft targets, on texts alone, or, with the trainer of trl, on its own answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from harness.config.customization import DistilledSettings
from harness.errors import UsageError
from harness.models.files.whole import load_whole
from harness.models.saving import save_like
from harness.models.tokenization.version_tokenizer import load_tokenizer
from harness.stages.training.request import TrainingRequest
from harness.stages.training.sequences import (
    IGNORED,
    TokenSequence,
    check_embedded,
    check_length,
    check_prompts_answered,
    drawn,
    make_sequences,
    vocabulary_of,
)
from harness.stages.training.soft_targets import distillation_loss
from harness.stages.training.teacher_cache import TeacherCache
from harness.stages.training.telling import Told, checkpoint_of
from harness.stages.training.texts import read_texts
from harness.stages.training.trainers import (
    check_finite,
    collated,
    common_arguments,
    remove_checkpoints,
    run_trainer,
    telling,
)
from harness.stages.training.vocabularies import load_both, other_tokens, template_of


def train_student(request: TrainingRequest, told: Told) -> None:
    """Train a student on what its teacher foretells, or on texts alone: the teacher's own, or all loss being hard.

    Raises:
        UsageError: the vocabularies differ, or the texts can't be learned from, or are longer than what weights take.
    """
    from transformers import AutoTokenizer

    settings = cast("DistilledSettings", request.settings)
    is_soft = settings.method == "soft_targets" and settings.hard_weight < 1
    if is_soft:
        assert request.teacher is not None
        check_vocabularies(request.teacher_tokenizer or request.teacher, request.tokenizer or request.start)
    weights = (request.start, *([request.teacher] if is_soft and request.teacher else ()))
    check_length(settings.length, *weights)
    tokenizer = AutoTokenizer.from_pretrained(str(request.tokenizer or request.start))
    told({"phase": "reading", "done": 0, "total": None, "unit": "texts", "note": ""})
    sequences = make_sequences(read_texts(request.data), tokenizer, settings.length)
    check_embedded((each.tokens for each in sequences), *weights)
    chosen = drawn(sequences, settings.steps * settings.batch, settings.seed)
    n_tokens = max(tokenizer.get_vocab().values()) + 1
    cache = _targets_of(chosen, request, told, n_tokens) if is_soft else None
    student = load_whole(request.start, "float32")
    if cache is None:
        trained = run_trainer(student, chosen, request, told)
    else:
        trained = _train_softly(student, chosen, cache, request, told)
    save_like(trained, request.start, request.folder)
    remove_checkpoints(request.folder)


def _targets_of(chosen: Sequence[TokenSequence], request: TrainingRequest, told: Told, n_tokens: int) -> TeacherCache:
    """Return the teacher's predictions for the sequences, kept on disk; compute those that are missing.

    Args:
        n_tokens: of the tokenizer. The teacher may have more embeddings, padded, than it and the student.
    """
    import torch

    settings = cast("DistilledSettings", request.settings)
    teacher = request.teacher
    assert teacher is not None
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
        n_tokens=min(n_tokens, vocabulary_of(request.start) or n_tokens),
    )
    return cache


def _train_softly(
    student: Any, chosen: Sequence[TokenSequence], cache: TeacherCache, request: TrainingRequest, told: Told
) -> Any:
    import torch
    from transformers import Trainer

    settings = cast("DistilledSettings", request.settings)
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

    return run_trainer(student, chosen, request, told, trainer_class=SoftTargets, collate=with_targets)


def train_on_policy(request: TrainingRequest, told: Told) -> None:
    """Train a student on its own answers to the prompts of the data.

    trl's trainer: the reverse divergence, KL(student || teacher), of the tokens that the student wrote, at the
    temperature that they were drawn with and without a hard loss (Agarwal et al. 2024, On-Policy Distillation of
    Language Models).

    Raises:
        UsageError: trl is missing, the vocabularies differ, or a prompt and an answer are more than the weights take.
    """
    try:
        from trl import DistillationConfig, DistillationTrainer
    except ImportError:
        raise UsageError('method = "on_policy" needs trl: pip install "steelyard[distillation]"') from None
    from datasets import Dataset
    from transformers import AutoTokenizer

    settings = cast("DistilledSettings", request.settings)
    assert request.teacher is not None
    check_vocabularies(request.teacher_tokenizer or request.teacher, request.tokenizer or request.start)
    told({"phase": "reading", "done": 0, "total": None, "unit": "texts", "note": ""})
    texts = list(read_texts(request.data))
    place = request.tokenizer or request.start
    tokenizer = AutoTokenizer.from_pretrained(str(place))
    own = load_tokenizer({"tokenizer": str(place)}, place)
    check_prompts_answered(texts, own, settings.length, request.start, request.teacher)
    asked = (own.encode(own.chat(text.prompt), special=True, adds=False) for text in texts)
    check_embedded(asked, request.start, request.teacher)
    heat: dict[str, Any] = {} if settings.temperature is None else {"temperature": settings.temperature}
    arguments = DistillationConfig(
        **common_arguments(request),
        **heat,
        per_device_train_batch_size=settings.batch,
        max_completion_length=settings.length,
        gradient_checkpointing=False,
    )
    student, teacher = (load_whole(folder, "float32") for folder in (request.start, request.teacher))
    if settings.shuffled:
        shuffle_places(teacher, settings.seed)
    trainer = DistillationTrainer(
        model=student,
        teacher_model=teacher,
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": list(text.prompt)} for text in texts]),
        processing_class=tokenizer,
        callbacks=[telling(told, settings.steps, lambda _, logs: written(logs, settings.batch))],
    )
    trainer.train(resume_from_checkpoint=checkpoint_of(request.folder))
    check_finite(trainer.model)
    save_like(trainer.model, request.start, request.folder)
    remove_checkpoints(request.folder)


def written(logs: Mapping[str, Any], batch: int) -> float:
    """The tokens that a student wrote in a step of so many answers, by what trl's trainer logs of it."""
    return batch * (logs.get("completions/mean_length") or 0.0)


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


def shuffle_places(teacher: Any, seed: int) -> None:
    """Make a teacher say at each place of a batch what it expects at another, as `shuffled` does with what is kept.

    Args:
        teacher: a model of transformers, changed in place.
    """
    import numpy as np
    import torch

    def dealt(_module: Any, _arguments: Any, given: dict[str, Any], output: Any) -> Any:
        is_token, said = given["attention_mask"].bool(), output.last_hidden_state
        order = np.random.default_rng([seed, int(given["input_ids"].sum())]).permutation(int(is_token.sum()))
        output.last_hidden_state = said.index_put((is_token,), said[is_token][torch.from_numpy(order).to(said.device)])
        return output

    teacher.base_model.register_forward_hook(dealt, with_kwargs=True)


def check_vocabularies(teacher: Path, student: Path) -> None:
    """See that a token means the same to both, and that both write a chat alike, by the content of their files.

    Args:
        teacher, student: the folders of their weights, or of the tokenizers in place of those of the weights.

    Raises:
        UsageError: it does not, or they don't.
    """
    theirs, ours = load_both(teacher, student)
    other = 'method = "sequence" teaches by texts, whatever the vocabulary.'
    if theirs.n_tokens != ours.n_tokens:
        raise UsageError(
            f"The teacher has {theirs.n_tokens:,} tokens and the student {ours.n_tokens:,}: teaching by logits "
            f"needs one vocabulary. {other}"
        )
    different = next(other_tokens(theirs, ours), None)
    if different is not None:
        raise UsageError(f"{str(different).capitalize()}: teaching by logits needs one vocabulary. {other}")
    if template_of(theirs) != template_of(ours):
        raise UsageError(
            "The chat templates of teacher and student differ, or special tokens that they name, so that a chat is "
            f"other tokens to each: give the student the teacher's template and special tokens. {other}"
        )
