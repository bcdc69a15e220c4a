"""A tiny Llama: trained, and measured. Whoever uses this has torch on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.stages.data.ablation.drawing import n_bytes_of
from harness.stages.data.ablation.plan import END, AblationPlan
from harness.stages.data.ablation.questions import ClozeItem
from harness.stages.data.ablation.vocabulary import BytePairVocabulary

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_WEIGHT_DECAY = 0.1
_BETAS = (0.9, 0.95)
_CLIP = 1.0
_SPREAD = 0.05
"""Standard deviation of the first weights: of so narrow a model 0.02, which is usual, takes twice as long to learn."""
_AT_ONCE = 16
"""Pieces that are measured together."""


def make_model(plan: AblationPlan, vocabulary: int, seed: int) -> Any:
    """The model before its training: the same weights for a seed, whatever it will be trained on.

    Args:
        vocabulary: how many tokens there are.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=plan.hidden,
        intermediate_size=plan.intermediate,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.heads,
        max_position_embeddings=plan.context,
        tie_word_embeddings=True,
        bos_token_id=END,
        eos_token_id=END,
        use_cache=False,
        initializer_range=_SPREAD,
    )
    return LlamaForCausalLM(config)


def train(
    model: Any, tokens: npt.NDArray[np.int64], plan: AblationPlan, each_step: Callable[[int], None] = lambda _: None
) -> None:
    """Train a model on tokens, once through, in their order.

    Args:
        tokens: (plan.trained_tokens,)
        each_step: called after each step with how many there were.
    """
    import torch

    pieces = torch.from_numpy(tokens).view(plan.steps, plan.batch, plan.context)
    matrices = [each for each in model.parameters() if each.ndim > 1]
    others = [each for each in model.parameters() if each.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}],
        lr=plan.learning_rate,
        betas=_BETAS,
    )
    model.train()
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        model(input_ids=pieces[step], labels=pieces[step]).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        each_step(step + 1)


def held_out_loss(model: Any, texts: Sequence[str], plan: AblationPlan, vocabulary: BytePairVocabulary) -> float:
    """Nats that a byte of these texts costs the model on average: the sum over all tokens by the number of bytes."""
    rows = [piece for encoded in vocabulary.encode(texts) for piece in _pieces(encoded, plan.context)]
    return -sum(_log_likelihoods(model, rows)) / sum(map(n_bytes_of, texts))


def cloze_scores(
    model: Any, items: Sequence[ClozeItem], plan: AblationPlan, vocabulary: BytePairVocabulary
) -> list[float]:
    """Of each item 1 where the model finds the right continuation likeliest, byte by byte on average, and else 0.

    Continuations that are equally likely share what there is.
    """
    contexts = vocabulary.encode([item.context for item in items])
    choices = vocabulary.encode([choice for item in items for choice in item.choices])
    sizes = [n_bytes_of(choice) for item in items for choice in item.choices]
    before = [context for item, context in zip(items, contexts, strict=True) for _ in item.choices]
    rows = [_continued(each, choice, plan.context) for each, choice in zip(before, choices, strict=True)]
    likelihoods = iter([total / size for total, size in zip(_log_likelihoods(model, rows), sizes, strict=True)])
    return [credit([next(likelihoods) for _ in item.choices], item.answer) for item in items]


def credit(likelihoods: Sequence[float], answer: int) -> float:
    """Score an item: 1 where the answer is the likeliest, its part where others are as likely, else 0.

    >>> credit([-1.5, -1.2], 1), credit([-1.0, -1.0], 0), credit([-1.0, -0.5], 0)
    (1.0, 0.5, 0.0)
    """
    best = max(likelihoods)
    return 1.0 / sum(each == best for each in likelihoods) if likelihoods[answer] == best else 0.0


_Row = tuple[list[int], int]
"""The tokens that the model reads, and the index, from 0, of the first that is measured."""


def _pieces(encoded: list[int], context: int) -> Iterator[_Row]:
    """A text in pieces that the model reads at once; what comes before a piece is the token before it alone."""
    tokens = [END, *encoded]
    for start in range(0, len(encoded), context - 1):
        yield tokens[start : start + context], 1


def _continued(context: list[int], choice: list[int], most: int) -> _Row:
    """A context and its continuation; of a context that is too long the end."""
    before = [END, *context]
    before = before[max(0, len(before) + len(choice) - most) :] or [END]
    return before + choice, len(before)


def _log_likelihoods(model: Any, rows: Sequence[_Row]) -> list[float]:
    """Of each row the sum of the log likelihoods of the tokens that are measured."""
    import torch

    was_training = model.training
    model.eval()
    found: list[float] = []
    with torch.inference_mode():
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            width = max(len(tokens) for tokens, _ in part)
            read = torch.tensor([tokens + [END] * (width - len(tokens)) for tokens, _ in part])
            logs = model(input_ids=read).logits[:, :-1].log_softmax(-1)
            own = logs.gather(-1, read[:, 1:, None])[:, :, 0].double()
            for row, (tokens, first) in zip(own, part, strict=True):
                found.append(float(row[first - 1 : len(tokens) - 1].sum()))
    model.train(was_training)
    return found
