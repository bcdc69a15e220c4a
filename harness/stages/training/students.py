"""Trains a student by soft targets, or on texts alone. What the teacher foretells is kept on disk: a second student
costs no teacher.

Source: Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network, section 2: both distributions at
the same temperature T, and the gradient, which falls with 1/T², scaled back by T². Of the teacher's distribution its
most likely tokens are kept, and the rest as one bucket. The divergence so is a lower bound of that of the whole
distributions (the data-processing inequality), and the nearer the more tokens are kept.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from harness.config.customization import DistilledSettings
from harness.config.files import replacing
from harness.errors import UsageError
from harness.models.files.content_hash import text_hash
from harness.models.files.saved import load_whole, save_like
from harness.models.processes.worker import Progress
from harness.stages.build_state import NOTE
from harness.stages.training.sequences import IGNORED, TokenSequence
from harness.stages.training.training_worker import TrainingRequest, collated, read_sequences, run_trainer

_PLACES_AT_ONCE = 1024
_TELLING = 2000
"""Places below which nothing is said of what a teacher knows."""


def train_student(request: TrainingRequest, progress: Progress) -> None:
    """Train a student on what its teacher foretells, or on texts alone: the teacher's own, or all loss being hard."""
    settings = cast("DistilledSettings", request.settings)
    chosen, n_tokens = read_sequences(request, progress)
    how: dict[str, Any] = {}
    if request.teacher is not None and settings.hard_weight < 1:
        from transformers import AutoConfig

        # The teacher may have more embeddings, padded, than the tokenizer and the student.
        own = AutoConfig.from_pretrained(str(request.start)).get_text_config().vocab_size
        how = _soft_targets(request, chosen, min(n_tokens, own), progress)
    trained = run_trainer(load_whole(request.start, "float32"), chosen, request, progress, **how)
    save_like(trained, request.start, request.folder)


def _soft_targets(
    request: TrainingRequest, chosen: Sequence[TokenSequence], n_tokens: int, progress: Progress
) -> dict[str, Any]:
    """Ask the teacher; return the trainer's class, and what makes its batches."""
    import torch
    from torch.nn.utils.rnn import pad_sequence
    from transformers import Trainer

    settings, teacher = cast("DistilledSettings", request.settings), cast("Path", request.teacher)
    temperature, hard_weight = cast("float", settings.temperature), settings.hard_weight
    cache = TeacherCache(cast("Path", request.targets), settings.top_k, temperature)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    cache.fill(
        chosen,
        lambda: load_whole(teacher, "float32").to(device).eval(),
        lambda done, total: progress(
            {"phase": "asking the teacher", "done": done, "total": total, "unit": "sequences"}
        ),
        n_tokens=n_tokens,
    )
    _weigh_teacher(cache, chosen, settings, n_tokens, progress)

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
            return (total / places, outputs) if return_outputs else total / places

    def with_targets(items: Sequence[TokenSequence]) -> dict[str, Any]:
        read = [cache.read(item.tokens)[:2] for item in items]
        if settings.shuffled:
            read = shuffled(read, settings.seed)
        ids, logprobs = (list(map(torch.from_numpy, part)) for part in zip(*read, strict=True))
        padded = {"ids": pad_sequence(ids, batch_first=True), "logprobs": pad_sequence(logprobs, batch_first=True)}
        return {**collated(items), **padded}

    return {"trainer_class": SoftTargets, "collate": with_targets}


@dataclass(frozen=True, slots=True)
class TeacherCache:
    """A teacher's predictions at each place of some sequences: its `top_k` likeliest tokens, with their log
    probabilities at a temperature. A folder keeps them for one teacher, `top_k` and temperature.
    """

    folder: Path
    top_k: int
    temperature: float

    def fill(
        self,
        sequences: Sequence[TokenSequence],
        load: Callable[[], Any],
        progress: Callable[[int, int], None],
        *,
        n_tokens: int | None = None,
    ) -> int:
        """See that what the teacher says of these sequences is there, and load it where something is missing; give how
        many it was asked for. What it has beyond `n_tokens` is no token; `told` is called with how many of how many
        sequences are done.
        """
        import torch

        missing = [each for each in dict.fromkeys(each.tokens for each in sequences) if not self._path(each).exists()]
        if not missing:
            return 0
        model = load()
        self.folder.mkdir(parents=True, exist_ok=True)
        at_once = max(1, _PLACES_AT_ONCE // max(map(len, missing)))
        for begin in range(0, len(missing), at_once):
            several = missing[begin : begin + at_once]
            batch = collated([TokenSequence(tokens, tokens) for tokens in several])
            with torch.inference_mode():
                inputs = {name: batch[name].to(model.device) for name in ("input_ids", "attention_mask")}
                logits = model(**inputs).logits
            for tokens, row in zip(several, logits, strict=True):
                each = row[: len(tokens), :n_tokens].float()
                ids, logprobs = teacher_targets(each, self.top_k, self.temperature)
                own = each[:-1].log_softmax(-1).gather(-1, torch.tensor(tokens[1:], device=each.device)[:, None])[:, 0]
                arrays = {"ids": ids, "logprobs": logprobs, "own": own}
                with replacing(self._path(tokens)) as draft, draft.open("wb") as file:
                    np.savez(file, **{name: array.cpu().numpy() for name, array in arrays.items()})
            progress(min(begin + at_once, len(missing)), len(missing))
        return len(missing)

    def read(self, tokens: tuple[int, ...]) -> tuple[Any, Any, Any]:
        """The ids and log probabilities of one sequence, (length, top_k), and those of its own tokens but for the first
        at temperature 1.
        """
        with np.load(self._path(tokens)) as arrays:
            return arrays["ids"], arrays["logprobs"], arrays["own"]

    def _path(self, tokens: tuple[int, ...]) -> Path:
        return self.folder / f"{text_hash(json.dumps(tokens))[:32]}.own.npz"


def _weigh_teacher(
    cache: TeacherCache, chosen: Sequence[TokenSequence], settings: DistilledSettings, n_tokens: int, progress: Progress
) -> None:
    """Tell how much of what the teacher expects is kept; refuse one that knows less than how often each token comes."""
    own, kept, n_of = 0.0, 0.0, Counter[int]()
    for each in dict.fromkeys(chosen):
        labels = np.array(each.labels[1:])
        learned = labels != IGNORED
        _, logprobs, likely = cache.read(each.tokens)
        own += float(likely[learned].sum())
        kept += float(np.exp(logprobs[:-1][learned]).sum())
        n_of.update(labels[learned].tolist())
    places = n_of.total()
    unigram = unigram_loglikelihood(n_of, n_tokens)
    if places >= _TELLING and own < unigram:
        raise UsageError(
            f"The teacher {settings.teacher} foretells the texts worse than a table of how often each token comes in "
            f"them ({-own / places:.2f} against {-unigram / places:.2f} nats a token): its weights were never trained, "
            "or are not those of its tokenizer, or it knows no texts of this kind."
        )
    if settings.top_k < n_tokens and places:
        note = (
            f"of the teacher's {n_tokens:,} tokens the likeliest {settings.top_k} are kept at each place, "
            f"{min(kept / places, 1):.0%} of what it expects at temperature {settings.temperature:g}; the loss takes "
            "all others as one token (top_k keeps more)"
        )
        progress({"phase": NOTE, "note": note})


def unigram_loglikelihood(n_of: Counter[int], n_tokens: int) -> float:
    """The log likelihood of tokens, in nats, to one who knows how often each of `n_tokens` came before, and half a time
    more (Krichevsky and Trofimov 1981, The Performance of Universal Encoding).
    """
    total = n_of.total()
    seen = sum(math.lgamma(n + 0.5) - math.lgamma(0.5) for n in n_of.values())
    return seen + math.lgamma(n_tokens / 2) - math.lgamma(total + n_tokens / 2)


def shuffled(targets: Sequence[tuple[Any, Any]], seed: int) -> list[tuple[Any, Any]]:
    """The same targets, (length, top_k) of each sequence, at other places of a batch."""
    lengths = [len(ids) for ids, _ in targets]
    every = [np.concatenate(parts) for parts in zip(*targets, strict=True)]
    # By the content, so that training that was killed goes on with the same places.
    order = np.random.default_rng([seed, int(every[0].sum())]).permutation(sum(lengths))
    ends = np.cumsum(lengths)[:-1]
    return list(zip(*(np.split(part[order], ends) for part in every), strict=True))


def teacher_targets(logits: Any, top_k: int, temperature: float) -> tuple[Any, Any]:
    """The most likely tokens of a teacher at each place, and their log probabilities among the whole vocabulary at a
    temperature: both (places, top_k), of logits (places, vocabulary).
    """
    import torch

    scaled = logits.float() / temperature
    values, ids = scaled.topk(min(top_k, scaled.shape[-1]), dim=-1)
    return ids.to(torch.int32), values - scaled.logsumexp(-1, keepdim=True)


def soft_loss(student_logits: Any, ids: Any, logprobs: Any, temperature: float) -> Any:
    """T² times the Kullback-Leibler divergence of the student, (places, vocabulary), from the teacher, as
    `teacher_targets` gives it, in nats, (places,).
    """
    import torch

    def rest(logs: Any) -> Any:  # of all tokens that are not among these
        return torch.log(torch.clamp(1 - logs.exp().sum(-1), min=torch.finfo(logs.dtype).tiny))

    scaled = student_logits.float() / temperature
    student = scaled.gather(-1, ids.long()) - scaled.logsumexp(-1, keepdim=True)
    divergence = (logprobs.exp() * (logprobs - student)).sum(-1)
    if ids.shape[-1] < scaled.shape[-1]:
        theirs, ours = rest(logprobs), rest(student)
        divergence = divergence + theirs.exp() * (theirs - ours)
    return temperature**2 * torch.clamp(divergence, min=0)


def distillation_loss(
    student_logits: Any, labels: Any, ids: Any, logprobs: Any, *, temperature: float, hard_weight: float
) -> Any:
    """The sum over places of hard_weight × cross entropy + (1 − hard_weight) × soft loss; the logits of a place
    foretell the token after it.

    Args:
        student_logits: (sequences, length, vocabulary).
        labels: (sequences, length); `IGNORED` carries no loss.
        ids, logprobs: the teacher's, (sequences, length, top_k), at the same places as the logits.
    """
    import torch

    wanted = labels[:, 1:]
    counts = wanted != IGNORED
    logits = student_logits[:, :-1][counts]
    soft = soft_loss(logits, ids[:, :-1][counts], logprobs[:, :-1][counts], temperature).sum()
    if hard_weight == 0:
        return soft  # the other part costs as much, and would be multiplied by 0
    hard = torch.nn.functional.cross_entropy(logits.float(), wanted[counts], reduction="sum")
    return hard_weight * hard + (1 - hard_weight) * soft
