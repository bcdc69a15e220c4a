"""Log likelihoods of many texts with a model of the transformers library."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from harness.models.weighing import Row


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
    with torch.inference_mode():
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            places = torch.arange(first, width, device=model.device)
            logits = model(padded, use_cache=False, logits_to_keep=places).logits
        else:
            logits = model(padded, use_cache=False).logits[:, first:]
        weights = {}
        for line, group in zip(logits, groups, strict=True):
            for number in group:
                row = rows[number]
                logprobs = line[row.before - 1 - first : len(row.tokens) - 1 - first].float().log_softmax(-1)
                wanted = torch.tensor(row.tokens[row.before :], device=model.device)
                total = logprobs.gather(1, wanted.unsqueeze(1)).sum()
                weights[number] = (float(total), bool((logprobs.argmax(-1) == wanted).all()))
    return weights
