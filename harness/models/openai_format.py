"""Requests and answers in the form of OpenAI's HTTP API: pure functions between our records and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import CapabilityError
from harness.models.endpoint import UnusableError
from harness.records import Request, Sample, TokenLogprob

_THINK, _END_THINK = "<think>", "</think>"
NO_ECHO = (
    "A loglikelihood was asked for, and the endpoint does not echo a prompt with its log probabilities (/completions); "
    "serve the model with an engine that does (vllm)."
)
_MAY_BE_EMPTY = ("length", "content_filter")


def chat_payload(model: str, request: Request, indices: Sequence[int]) -> dict[str, Any]:
    """The body of a chat request that draws the samples with these indices."""
    payload: dict[str, Any] = {"model": model, "messages": list(request.messages), **request.sampling}
    if len(indices) > 1:
        payload["n"] = len(indices)
    if "seed" in payload:
        payload["seed"] += indices[0]
    if request.logprobs is not None:
        payload["logprobs"] = True
        if request.logprobs:
            payload["top_logprobs"] = request.logprobs
    if request.schema is not None:
        form = {"name": "answer", "schema": request.schema, "strict": True}
        payload["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.tools is not None:
        payload["tools"] = list(request.tools)
    return payload


@dataclass(frozen=True, slots=True)
class Choices:
    """What came back for one request: how many choices, and those of them that are answers."""

    received: int
    samples: list[Sample]


def read_choices(document: Mapping[str, Any], request: Request, indices: Sequence[int], latency_s: float) -> Choices:
    """The answers in the body of a chat response, at most one for each index.

    Raises:
        UnusableError: there are no choices, or none of them holds an answer.
        CapabilityError: log probabilities were asked for and are not there.
    """
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UnusableError("the answer holds no choices")
    try:
        choices = sorted(choices, key=lambda choice: choice.get("index") or 0)
        contents = [_content(choice, request) for choice in choices]
        usage = document.get("usage") or {}
        counts = _token_counts(usage.get("completion_tokens"), contents)
        prompt_tokens = usage.get("prompt_tokens")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnusableError(f"the answer is not a chat completion ({type(error).__name__}: {error})") from None
    answers = [(content, count) for content, count in zip(contents, counts, strict=True) if content is not None]
    if not answers:
        raise UnusableError("the answer holds neither text nor tool calls")
    samples = [
        Sample(index=index, prompt_tokens=prompt_tokens, completion_tokens=count, latency_s=latency_s, **content)
        for index, (content, count) in zip(indices, answers, strict=False)
    ]
    return Choices(received=len(choices), samples=samples)


def _content(choice: Mapping[str, Any], request: Request) -> dict[str, Any] | None:
    """The fields of a sample that one choice gives; None where it gives no answer."""
    message = choice["message"]
    finish_reason = choice.get("finish_reason") or "stop"
    tool_calls = tuple(message.get("tool_calls") or ())
    thought = message.get("reasoning_content") or message.get("reasoning")
    text = message.get("content")
    if isinstance(text, list):
        text = "".join(part.get("text") or "" for part in text)
    if text is None:
        text = message.get("refusal")
    if text is None and not tool_calls and not thought and finish_reason not in _MAY_BE_EMPTY:
        return None
    reasoning, text = (thought, text or "") if thought else split_reasoning(text or "")
    return {
        "text": text,
        "finish_reason": finish_reason,
        "reasoning": reasoning,
        "tool_calls": tool_calls or None,
        "logprobs": None if request.logprobs is None else _logprobs(choice, request.logprobs),
    }


def split_reasoning(text: str) -> tuple[str | None, str]:
    """Reasoning that a model wrote in front of its answer, and the answer.

    >>> split_reasoning("<think>Peru?</think>\\n\\nLima")
    ('Peru?', 'Lima')
    >>> split_reasoning("<think>cut while thinking")
    ('cut while thinking', '')
    >>> split_reasoning("Lima")
    (None, 'Lima')
    """
    start = text.lstrip()
    if not start.startswith(_THINK):
        return None, text
    reasoning, _, answer = start.removeprefix(_THINK).partition(_END_THINK)
    return reasoning.strip() or None, answer.lstrip()


def _logprobs(choice: Mapping[str, Any], alternatives: int) -> tuple[TokenLogprob, ...]:
    entries = (choice.get("logprobs") or {}).get("content")
    if entries is None:
        raise CapabilityError(
            "Log probabilities were asked for, and the endpoint answers without them; ask for none, or serve the model "
            "with an engine that has them (vllm)."
        )
    return tuple(
        TokenLogprob(
            token=entry["token"],
            logprob=entry["logprob"],
            top=tuple((top["token"], top["logprob"]) for top in (entry.get("top_logprobs") or ())[:alternatives]),
        )
        for entry in entries
    )


def _token_counts(total: int | None, contents: Sequence[Mapping[str, Any] | None]) -> list[int | None]:
    """Completion tokens of each choice: counted where log probabilities list them, else shared out evenly.

    An uneven total gives its remainder to the first choices, so that the counts always add up to what was billed.
    """
    if total is None:
        return [None] * len(contents)
    listed = [len(content["logprobs"] or ()) if content else 0 for content in contents]
    if sum(listed) == total:
        return list(listed)
    share, rest = divmod(total, len(contents))
    return [share + (position < rest) for position in range(len(contents))]


def loglikelihood_payload(model: str, request: Request) -> dict[str, Any]:
    """The body of a completion request that weighs prompt and continuation.

    The prompt is sent alone as well: where its tokens end is what tells the continuation's from them.
    """
    prompt, continuation = request.prompt or "", request.continuation or ""
    texts = [prompt, prompt + continuation] if prompt else [continuation]
    return {"model": model, "prompt": texts, "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}


def read_loglikelihood(document: Mapping[str, Any], request: Request, index: int, latency_s: float) -> Sample:
    """The log probability of the continuation, summed over its tokens.

    Raises:
        UnusableError: the answer is not a completion.
        CapabilityError: the endpoint did not echo the prompt with its log probabilities.
    """
    try:
        choices = sorted(document["choices"], key=lambda choice: choice["index"])
        lists = [choice.get("logprobs") or {} for choice in choices]
        rows = [list(zip(item["token_logprobs"], item["top_logprobs"], strict=True))[:-1] for item in lists if item]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnusableError(f"the answer is not a completion ({type(error).__name__}: {error})") from None
    if len(rows) != (2 if request.prompt else 1) or not all(rows):
        raise CapabilityError(NO_ECHO)
    start = len(rows[0]) if request.prompt else 0
    if rows[-1] and rows[-1][0][0] is None:
        start = max(start, 1)
    weighed = rows[-1][start:]
    if not weighed or any(logprob is None for logprob, _ in weighed):
        raise CapabilityError(NO_ECHO)
    return Sample(
        text="",
        index=index,
        prompt_tokens=len(rows[-1]),
        completion_tokens=0,
        latency_s=latency_s,
        loglikelihood=float(sum(logprob for logprob, _ in weighed)),
        is_greedy=all(logprob >= max(top.values()) for logprob, top in weighed),
    )
