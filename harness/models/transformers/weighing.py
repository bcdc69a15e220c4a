"""Log likelihoods of many texts with a model of the transformers library."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from harness.models.weighing import Row

_READ_AT_ONCE = 1024
"""Weighed tokens whose probabilities are worked out together: 200 MB for a vocabulary of 50,000."""


def weigh_rows(model: Any, rows: Sequence[Row], batch_size: int) -> list[tuple[float, bool]]:
    """The log likelihood of each row's weighed tokens, and whether each of them is the most probable one.

    Texts of like length go into the model together, padded at the end, which no token of a causal model sees. A text
    that another one begins with is not computed again: so continuations of one token share their context.

    Args:
        model: a causal language model.
        rows: at least one token comes before those that are weighed.
        batch_size: texts computed at once.
    """
    groups = _groups(rows)
    groups.sort(key=lambda group: len(rows[group[0]].tokens), reverse=True)
    weights: dict[int, tuple[float, bool]] = {}
    for start in range(0, len(groups), batch_size):
        weights |= _weigh_batch(model, rows, groups[start : start + batch_size])
    return [weights[number] for number in range(len(rows))]


def _groups(rows: Sequence[Row]) -> list[list[int]]:
    """Numbers of rows; in each group the first row's tokens, without the last, begin with those of all others."""
    numbers = sorted(range(len(rows)), key=lambda number: rows[number].tokens[:-1], reverse=True)
    groups: list[list[int]] = []
    for number in numbers:
        goes_in = rows[number].tokens[:-1]
        if groups and rows[groups[-1][0]].tokens[: len(goes_in)] == goes_in:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _weigh_batch(model: Any, rows: Sequence[Row], groups: Sequence[list[int]]) -> dict[int, tuple[float, bool]]:
    """One pass of the model over the first row of each group, and what it says of all rows."""
    import torch

    inputs = [rows[group[0]].tokens[:-1] for group in groups]
    width = len(inputs[0])
    padded = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens in inputs], device=model.device)
    first = min(rows[number].before for group in groups for number in group) - 1
    weights: dict[int, tuple[float, bool]] = {}
    with torch.inference_mode():
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            places = torch.arange(first, width, device=model.device)
            logits = model(padded, use_cache=False, logits_to_keep=places).logits
        else:
            logits = model(padded, use_cache=False).logits[:, first:]
        for some in _portions(rows, groups):
            weights |= _read(logits, [(line, number, rows[number]) for line, number in some], first)
    return weights


def _portions(rows: Sequence[Row], groups: Sequence[list[int]]) -> Iterator[list[tuple[int, int]]]:
    """Line and number of each row, as many at a time as have few enough weighed tokens to be read at once."""
    some: list[tuple[int, int]] = []
    size = 0
    for line, group in enumerate(groups):
        for number in group:
            own = len(rows[number].tokens) - rows[number].before
            if some and size + own > _READ_AT_ONCE:
                yield some
                some, size = [], 0
            some.append((line, number))
            size += own
    yield some


def _read(logits: Any, some: Sequence[tuple[int, int, Row]], first: int) -> dict[int, tuple[float, bool]]:
    """What the logits say of the weighed tokens of some rows: few operations for all of them together."""
    import torch

    lines = [line for line, _, row in some for _ in row.tokens[row.before :]]
    places = [place - 1 - first for _, _, row in some for place in range(row.before, len(row.tokens))]
    wanted = torch.tensor([token for _, _, row in some for token in row.tokens[row.before :]], device=logits.device)
    logprobs = logits[lines, places].float().log_softmax(-1)
    chosen = iter(logprobs.gather(1, wanted.unsqueeze(1)).squeeze(1).tolist())
    greedy = iter((logprobs.argmax(-1) == wanted).tolist())
    weights = {}
    for _, number, row in some:
        n_weighed = len(row.tokens) - row.before
        weights[number] = math.fsum(islice(chosen, n_weighed)), all(list(islice(greedy, n_weighed)))
    return weights
