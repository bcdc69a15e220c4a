"""Tokens of a request that are weighed, and after which: as lm-evaluation-harness has them, so that numbers agree.

Source: `TemplateLM._encode_pair`, `HFLM.tok_encode`, `HFLM.loglikelihood_rolling` and
`lm_eval.utils.get_rolling_token_windows` of lm-evaluation-harness 0.4.13.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.records import Request, Sample, TokenLogprob


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Tokens that go into the model together; those from `before` on are weighed, each after all that precede it. `cut`
    tokens were left out in front of these.
    """

    tokens: list[int]
    before: int
    cut: int = 0


@dataclass(frozen=True, slots=True)
class RowWeight:
    """The result of weighing a row's tokens.

    Attributes:
        loglikelihood: of all of them.
        is_greedy: whether each is the most probable one at its place.
        logprobs: an entry for each, where they were asked for, with the vocabulary's own pieces, each of which stands
            for one token.
    """

    loglikelihood: float
    is_greedy: bool
    logprobs: tuple[TokenLogprob, ...] = ()


def context_text(tokenizer: Any, request: Request) -> str:
    """Return the text before an answer or continuation: the raw prompt, or the messages through the chat template.

    A last message of the assistant is continued, but in plain chat, where a new one begins.

    Raises:
        ValueError: there is no chat template, or it refuses the messages.
    """
    if request.prompt is not None:
        return request.prompt
    from jinja2 import TemplateError

    continues = request.kind != "chat" and request.messages[-1]["role"] == "assistant"
    try:
        text: str = tokenizer.apply_chat_template(
            [dict(turn) for turn in request.messages],
            tokenize=False,
            add_generation_prompt=not continues,
            continue_final_message=continues,
        )
    except (TemplateError, ValueError, TypeError) as error:
        raise ValueError(f"the chat template could not be applied: {error}") from error
    return text


def context_tokens(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text that is to be completed; an empty one is the token that begins a text."""
    return _encode(tokenizer, text) or [prefix_token(tokenizer)]


def continuation_row(tokenizer: Any, context: str, continuation: str, most: int, *, truncate: bool) -> TokenRow:
    """The tokens of context and continuation together, the continuation's weighed.

    Both are tokenized as one text, as a model would have met them; spaces between them count to the continuation, for
    most tokenizers put them in the next word's token.

    Args:
        most: how many tokens the row may have.
        truncate: leave out tokens of the context that are too much; else they are refused.

    Raises:
        ValueError: the continuation has no token of its own, or the text is too long.
    """
    stripped = context.rstrip()
    moved = context[len(stripped) :] + continuation
    if context:
        tokens, before = _encode(tokenizer, stripped + moved), len(_encode(tokenizer, stripped))
    else:
        tokens, before = list(tokenizer.encode(moved, add_special_tokens=False)), 0
    if before == 0:
        tokens = tokens if tokens[:1] == [prefix_token(tokenizer)] else [prefix_token(tokenizer), *tokens]
        before = 1
    if len(tokens) <= before:
        raise ValueError(f"the continuation {continuation!r} has no token of its own after {context!r}")
    too_many = max(0, len(tokens) - most)
    if too_many and not (truncate and too_many < before):
        raise ValueError(f"the text has {len(tokens)} tokens, and max_model_len leaves room for {most}")
    return TokenRow(tokens[too_many:], before - too_many, too_many)


def n_cut(tokens: Sequence[int], request: Request, limit: int) -> int:
    """Return how many tokens a prompt loses at its beginning, where it may, so that its answer fits behind it.

    Raises:
        ValueError: the model's window holds no token more.
    """
    room = limit - request.sampling.get("max_tokens", 1)
    cut = max(0, len(tokens) - room) if request.truncate and room > 0 else 0
    if len(tokens) - cut >= limit:
        raise ValueError(
            f"the prompt has {len(tokens)} tokens; with at least one for the answer that is beyond "
            f"max_model_len = {limit}"
        )
    return cut


def weighed_rows(tokenizer: Any, request: Request, most: int) -> list[TokenRow]:
    """The rows of what a request weighs: a whole text, or a continuation. Raises ValueError as `continuation_row`."""
    if request.kind == "rolling":
        return rolling_rows(tokenizer, request.prompt or "", most, is_alone=request.logprobs is not None)
    context, continuation = context_text(tokenizer, request), request.continuation or ""
    return [continuation_row(tokenizer, context, continuation, most, truncate=request.truncate)]


def text_tokens(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text alone, to follow the token that begins one: without that, and what else is put around it."""
    tokens = list(tokenizer.encode(text, add_special_tokens=False))
    return tokens[1:] if tokens[:1] == [prefix_token(tokenizer)] else tokens


def rolling_rows(tokenizer: Any, text: str, most: int, *, is_alone: bool = False) -> list[TokenRow]:
    """The tokens of a whole text, each weighed once; none for an empty text.

    The first row begins with the token that begins a text. Those after it have as many tokens as fit, at most `most`,
    and each begins with one that the row before it has weighed; the last one reaches back further, to be as long.

    Args:
        is_alone: take `text_tokens`. lm-evaluation-harness weighs what the tokenizer puts around a text as well: where
            that is the token that begins one, all else comes after two of them.
    """
    tokens = text_tokens(tokenizer, text) if is_alone else _encode(tokenizer, text)
    window = most - 1
    rows = [TokenRow([prefix_token(tokenizer), *tokens[:window]], 1)] if tokens else []
    for start in range(window, len(tokens), window):
        end = min(start + window, len(tokens))
        first = end - window - 1
        rows.append(TokenRow(tokens[first:end], start - first))
    return rows


def weighed_sample(rows: Sequence[TokenRow], weights: Sequence[RowWeight], top: int | None) -> Sample:
    """The sample of a request whose rows came to these weights, with `top` alternatives at each place that it asked
    for; None for no log probabilities.
    """
    tokens = (token for weight in weights for token in weight.logprobs)
    return Sample(
        text="",
        prompt_tokens=sum(row.before for row in rows),
        completion_tokens=sum(len(row.tokens) - row.before for row in rows),
        logprobs=None if top is None else tuple(replace(token, top=token.top[:top]) for token in tokens),
        loglikelihood=math.fsum(weight.loglikelihood for weight in weights),
        is_greedy=all(weight.is_greedy for weight in weights),
        cut_tokens=sum(row.cut for row in rows),
    )


def _encode(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text, with the tokenizer's own special tokens unless the text begins with one."""
    has_own = text.startswith(tokenizer.decode([prefix_token(tokenizer)]))
    return list(tokenizer.encode(text, add_special_tokens=False) if has_own else tokenizer.encode(text))


def prefix_token(tokenizer: Any) -> int:
    """The token that begins a text; the one that ends it where the tokenizer has no other."""
    token = tokenizer.bos_token_id
    return int(tokenizer.eos_token_id if token is None else token)
