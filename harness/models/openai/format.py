"""Requests and answers in the form of OpenAI's HTTP API: pure functions between our records and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import CapabilityError
from harness.models.openai.retry import UnusableError
from harness.records import WITHHELD, Request, Sample, TokenLogprob

NO_ECHO = (
    "The log likelihood of a text was asked for, and the endpoint does not echo a prompt with its log probabilities "
    "(/completions); serve the model with an engine that does (vllm)."
)
NO_COMPLETIONS = (
    "A completion of raw text was asked for, and the endpoint has none (/completions); ask with chat messages, or "
    "serve the model with an engine that has it (vllm)."
)
NO_LOGPROBS = (
    "Log probabilities were asked for, and the endpoint answers without them; ask for none, or serve the model with an "
    "engine that has them (vllm)."
)
_MAY_BE_EMPTY = ("length", *WITHHELD)
BROKEN_OFF = frozenset(
    {
        "abort",
        "aborted",
        "canceled",
        "cancelled",
        "error",
        "failed",
        "insufficient_system_resource",
        "internal_error",
        "network_error",
        "server_error",
        "timeout",
    }
)
_CALLS = ("tool_calls", "function_call")
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def chat_payload(model: str, request: Request, indices: Sequence[int]) -> dict[str, Any]:
    """The body of a chat request that draws the samples with these indices."""
    payload = {"model": model, "messages": list(request.messages), **_drawing(request, indices)}
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


def completion_payload(model: str, request: Request, indices: Sequence[int]) -> dict[str, Any]:
    """The body of a completion request that draws the samples with these indices."""
    payload = {"model": model, "prompt": request.prompt, **_drawing(request, indices)}
    return payload if request.logprobs is None else {**payload, "logprobs": request.logprobs}


def _drawing(request: Request, indices: Sequence[int]) -> dict[str, Any]:
    """Return the fields that say how the samples with these indices are drawn."""
    fields = dict(request.sampling)
    if len(indices) > 1:
        fields["n"] = len(indices)
    if "seed" in fields:
        fields["seed"] += indices[0]
    return fields


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices that came back for one request: how many, and those of them that are answers."""

    received: int
    samples: list[Sample]


def read_choices(document: Mapping[str, Any], request: Request, indices: Sequence[int], latency_s: float) -> Choices:
    """The answers in the body of a response to a chat or completion request, at most one for each index.

    Raises:
        UnusableError: there are no choices, none of them holds an answer, or a field is of another type than
            it must be; only token counts are left out when they are none.
        CapabilityError: log probabilities were asked for and are not there.
    """
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UnusableError(f"the answer holds no choices{_said(document)}")
    kind = "completion" if request.kind == "completion" else "chat completion"
    try:
        choices = sorted(choices, key=lambda choice: position(choice.get("index")))
        flaws = [_flaw(choice) for choice in choices]
        read = _completed if request.kind == "completion" else _content
        contents = [None if flaw else read(choice, request) for flaw, choice in zip(flaws, choices, strict=True)]
    except _MALFORMED as error:
        raise UnusableError(f"the answer is not a {kind} ({type(error).__name__}: {error})") from None
    usage = document.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    counts = _token_counts(count(usage.get("completion_tokens")), contents)
    prompt_tokens = count(usage.get("prompt_tokens"))
    answers = [(content, count) for content, count in zip(contents, counts, strict=True) if content is not None]
    if not answers:
        raise UnusableError(next((flaw for flaw in flaws if flaw), "the answer holds neither text nor tool calls"))
    samples = [
        Sample(index=index, prompt_tokens=prompt_tokens, completion_tokens=count, latency_s=latency_s, **content)
        for index, (content, count) in zip(indices, answers, strict=False)
    ]
    return Choices(received=len(choices), samples=samples)


def _said(document: Mapping[str, Any]) -> str:
    """Quote what an answer without choices says in their place."""
    said = next((document[name] for name in ("message", "detail") if document.get(name)), None)
    return "" if said is None else f"; it says: {said}"


def _flaw(choice: Mapping[str, Any]) -> str | None:
    """Return why a choice is no answer, whatever text it holds; None where nothing says so."""
    reason = optional_text(choice.get("finish_reason"), "finish_reason") or ""
    error = choice.get("error")
    if error:
        said = error.get("message") if isinstance(error, Mapping) else error
        return f"the answer broke off with an error: {said}"
    if reason.lower() in BROKEN_OFF:
        return f"the answer broke off (finish_reason {reason!r})"
    return None


def _content(choice: Mapping[str, Any], request: Request) -> dict[str, Any] | None:
    """The fields of a sample that one choice gives; None where it gives no answer."""
    message = choice["message"]
    finish_reason = optional_text(choice.get("finish_reason"), "finish_reason") or "stop"
    calls = tool_calls(message.get("tool_calls"))
    thought = optional_text(message.get("reasoning_content") or message.get("reasoning"), "reasoning")
    answer = _answer(message)
    if answer is None and not calls and not thought and finish_reason not in _MAY_BE_EMPTY:
        return None
    if not answer and not calls and finish_reason in _CALLS:
        return None
    return {
        "text": answer or "",
        "finish_reason": finish_reason,
        "reasoning": thought,
        "tool_calls": calls or None,
        "logprobs": None if request.logprobs is None else _logprobs(choice, request.logprobs),
    }


def _completed(choice: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """The fields of a sample that one choice of a completion gives."""
    return {
        "text": text(choice["text"], "text"),
        "finish_reason": optional_text(choice.get("finish_reason"), "finish_reason") or "stop",
        "logprobs": None if request.logprobs is None else _completed_logprobs(choice, request.logprobs),
    }


def _answer(message: Mapping[str, Any]) -> str | None:
    """Return the text of a message, or of its refusal; None where it has neither."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [optional_text(part.get("text"), "a part of the content") for part in content]
        told = [part for part in parts if part is not None]
        content = "".join(told) if told else None
    said = optional_text(content, "content")
    return optional_text(message.get("refusal"), "refusal") if said is None else said


def _logprobs(choice: Mapping[str, Any], alternatives: int) -> tuple[TokenLogprob, ...]:
    entries = (choice.get("logprobs") or {}).get("content")
    if entries is None:
        raise CapabilityError(NO_LOGPROBS)
    return tuple(
        _token(each["token"], each["logprob"], _pairs((each.get("top_logprobs") or ())[:alternatives]))
        for each in entries
    )


def _completed_logprobs(choice: Mapping[str, Any], alternatives: int) -> tuple[TokenLogprob, ...]:
    """The tokens of a completion, whose log probabilities stand in lists side by side."""
    lists = choice.get("logprobs")
    if lists is None:
        raise CapabilityError(NO_LOGPROBS)
    tops = (lists.get("top_logprobs") if alternatives else None) or [None] * len(lists["tokens"])
    return tuple(
        _token(token, logprob, sorted((top or {}).items(), key=_rank)[:alternatives])
        for token, logprob, top in zip(lists["tokens"], lists["token_logprobs"], tops, strict=True)
    )


def _pairs(tops: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    return [(top["token"], top["logprob"]) for top in tops]


def _token(token: Any, logprob: Any, top: Sequence[tuple[Any, Any]]) -> TokenLogprob:
    others = tuple((text(other, "a token"), logarithm(value)) for other, value in top)
    return TokenLogprob(text(token, "a token"), logarithm(logprob), others)


def _rank(alternative: tuple[str, Any]) -> tuple[float, str]:
    """The most probable one first."""
    token, logprob = alternative
    return -logarithm(logprob), token


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


def echo_payload(model: str, request: Request) -> dict[str, Any]:
    """The body of a completion request that weighs a continuation, or a whole text.

    Spaces before a continuation count to it. The prompt is sent alone as well: where its tokens end is what tells the
    continuation's from them.
    """
    texts = [text for text in (_weighed_after(request), (request.prompt or "") + (request.continuation or "")) if text]
    return {"model": model, "prompt": texts, "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}


def _weighed_after(request: Request) -> str:
    """Return the text before the text that is weighed."""
    return "" if request.kind == "rolling" else (request.prompt or "").rstrip()


def read_echo(document: Mapping[str, Any], request: Request, latency_s: float) -> Sample:
    """The log probability of the continuation or the whole text, summed over its tokens.

    The first token of all has one only where the server puts a token in front of it; else it is not weighed.

    Raises:
        UnusableError: the answer is not a completion.
        CapabilityError: the endpoint did not echo the prompt with its log probabilities.
    """
    try:
        choices = sorted(document["choices"], key=lambda choice: position(choice["index"]))
        rows = [_echoed_tokens(choice["logprobs"]) for choice in choices if choice.get("logprobs")]
    except _MALFORMED as error:
        raise UnusableError(f"the answer is not a completion ({type(error).__name__}: {error})") from None
    context = _weighed_after(request)
    if len(rows) != (2 if context else 1) or not all(rows):
        raise CapabilityError(NO_ECHO)
    start = len(rows[0]) if context else 0
    if rows[-1][0] is None:
        start = max(start, 1)
    weighed = [token for token in rows[-1][start:] if token is not None]
    if not weighed or len(weighed) < len(rows[-1]) - start:
        raise CapabilityError(NO_ECHO)
    return Sample(
        text="",
        prompt_tokens=len(rows[-1]) - len(weighed),
        completion_tokens=len(weighed),
        latency_s=latency_s,
        loglikelihood=float(sum(logprob for logprob, _ in weighed)),
        is_greedy=all(logprob >= best for logprob, best in weighed),
    )


def _echoed_tokens(logprobs: Mapping[str, Any]) -> list[tuple[float, float] | None]:
    """For each token of the echoed prompt its log probability and that of the most probable token at its place.

    None for a token without them, as the first one is. The generated token at the end is left out.
    """
    pairs = list(zip(logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True))[:-1]
    return [
        None if logprob is None else (logarithm(logprob), max(logarithm(value) for value in top.values()))
        for logprob, top in pairs
    ]


_MOST_TOKENS = 2**53


def count(value: Any) -> int | None:
    """A number of tokens; None for anything that is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS
    return value if is_count else None


def position(value: Any) -> int:
    """The index of a choice; 0 where the server gives none."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"index is {_kind(value)}, not a whole number")
    return value or 0


def text(value: Any, name: str) -> str:
    """A text. Raises TypeError: it is something else."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {_kind(value)}, not a text")
    return value


def optional_text(value: Any, name: str) -> str | None:
    """A text, or None where the server gives none. Raises TypeError: it is something else."""
    return None if value is None else text(value, name)


def logarithm(value: Any) -> float:
    """A log probability; minus infinity is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a log probability is {_kind(value)}, not a number")
    if math.isnan(value) or value == math.inf:
        raise ValueError(f"a log probability is {value}")
    return float(value)


def tool_calls(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The tool calls of a message, as the server wrote them; each names a function."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(call, Mapping) for call in value):
        raise TypeError("tool_calls is not a list of objects")
    for call in value:
        named = call.get("function", call.get("custom"))
        if not isinstance(named, Mapping):
            raise TypeError("a tool call has no function")
        text(named.get("name"), "the name of a tool call's function")
    return tuple(value)


def is_same_model(asked: str, answered: str) -> bool:
    """Tell whether two names mean one model, as far as names tell: a provider or folder in front does not count."""
    ends = [name.strip().rstrip("/").rpartition("/")[2].lower() for name in (asked, answered)]
    return ends[0] == ends[1]


def _kind(value: Any) -> str:
    return "missing" if value is None else type(value).__name__
