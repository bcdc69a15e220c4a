"""The loss of soft targets: a student is held to the whole distribution of its teacher.

Source: Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network, section 2: both distributions at
the same temperature T, and the gradient, which falls with 1/T², scaled back by T².

Of the teacher's distribution its most likely tokens are kept, and the rest as one bucket. The divergence so is a lower
bound of that of the whole distributions (the data-processing inequality), and the nearer the more tokens are kept.
"""

from __future__ import annotations

from typing import Any

from harness.stages.training.sequences import IGNORED


def teacher_targets(logits: Any, top_k: int, temperature: float) -> tuple[Any, Any]:
    """The most likely tokens of a teacher at each place, and their log probabilities among the whole vocabulary at a
    temperature: both (places, top_k), of logits (places, vocabulary).
    """
    import torch

    scaled = logits.float() / temperature
    values, ids = scaled.topk(min(top_k, scaled.shape[-1]), dim=-1)
    return ids.to(torch.int32), values - scaled.logsumexp(-1, keepdim=True)


def soft_loss(student_logits: Any, ids: Any, logprobs: Any, temperature: float) -> Any:
    """T² times the Kullback-Leibler divergence of the student from the teacher in nats, (places,).

    Args:
        student_logits: (places, vocabulary).
        ids, logprobs: of the teacher, as `teacher_targets` gives them.
        temperature: of both.
    """
    import torch

    scaled = student_logits.float() / temperature
    student = scaled.gather(-1, ids.long()) - scaled.logsumexp(-1, keepdim=True)
    divergence = (logprobs.exp() * (logprobs - student)).sum(-1)
    if ids.shape[-1] < scaled.shape[-1]:
        theirs, ours = _rest(logprobs), _rest(student)
        divergence = divergence + theirs.exp() * (theirs - ours)
    return temperature**2 * torch.clamp(divergence, min=0)


def _rest(logprobs: Any) -> Any:
    """The log probability of all tokens that are not among these."""
    import torch

    least = torch.finfo(logprobs.dtype).tiny
    return torch.log(torch.clamp(1 - logprobs.exp().sum(-1), min=least))


def distillation_loss(
    student_logits: Any, labels: Any, ids: Any, logprobs: Any, *, temperature: float, hard_weight: float
) -> Any:
    """The sum over places of hard_weight × cross entropy + (1 − hard_weight) × soft loss.

    The logits of a place foretell the token after it.

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
