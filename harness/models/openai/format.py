"""Requests and answers in the form of OpenAI's HTTP API: pure functions between our records and JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harness.errors import CapabilityError
from harness.models.engine import WEIGHED
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
BROKEN_OFF = re.compile(
    r"abort(ed)?|cancell?ed|failed|insufficient_system_resource|((internal|network|server)_)?error|timeout",
    re.IGNORECASE,
)
"""Finish reasons of answers that broke off."""
_MAY_BE_EMPTY = ("length", *WITHHELD)
_CALLS = ("tool_calls", "function_call")
_MOST_TOKENS = 2**53
_Logprob = Annotated[float, Field(lt=math.inf)]
"""Minus infinity is one."""


def _named(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call as the server wrote it, which names a function."""
    function = call.get("function", call.get("custom"))
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ValueError("a tool call names no function")  # noqa: TRY004  pydantic's
    return call


class _Read(BaseModel):
    model_config = ConfigDict(strict=True)


class _Token(_Read):
    token: str
    logprob: _Logprob
    top_logprobs: list[_Token] | None = None


class _Tokens(_Read):
    content: list[_Token] | None = None


class _Lists(_Read):
    """The tokens of a completion, whose log probabilities stand in lists side by side."""

    tokens: list[str] = []
    token_logprobs: list[_Logprob | None]
    top_logprobs: list[dict[str, _Logprob] | None] | None = None


class _Part(_Read):
    text: str | None = None


class _Message(_Read):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Annotated[dict[str, Any], AfterValidator(_named)]] | None = None


class _Choice(_Read):
    """A choice of a chat (`message`) or of a completion (`text`)."""

    index: int | None = None
    finish_reason: str | None = None
    error: Any = None
    message: _Message | None = None
    text: str | None = None
    logprobs: Any = None

    @property
    def flaw(self) -> str | None:
        """Why it is no answer, whatever text it holds; None where nothing says so."""
        if self.error:
            message = self.error.get("message") if isinstance(self.error, Mapping) else self.error
            return f"the answer broke off with an error: {message}"
        is_broken = self.finish_reason and BROKEN_OFF.fullmatch(self.finish_reason)
        return f"the answer broke off (finish_reason {self.finish_reason!r})" if is_broken else None


class _Document(_Read):
    choices: list[_Choice]


def payload(model: str, request: Request, indices: Sequence[int] = (0,)) -> dict[str, Any]:
    """The body of a request that draws the samples with these indices, or weighs a text.

    Of a continuation that is weighed, the prompt is sent alone as well: where its tokens end is what tells the
    continuation's from them. Spaces before a continuation count to it.
    """
    if request.kind in WEIGHED:
        texts = (_weighed_after(request), (request.prompt or "") + (request.continuation or ""))
        fixed = {"echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
        return {"model": model, "prompt": list(filter(None, texts)), **fixed}
    is_chat = request.kind == "chat"
    body: dict[str, Any] = {
        "model": model,
        **({"messages": list(request.messages)} if is_chat else {"prompt": request.prompt}),
    }
    body |= request.sampling
    if len(indices) > 1:
        body["n"] = len(indices)
    if "seed" in body:
        body["seed"] += indices[0]
    if request.logprobs is not None:
        body["logprobs"] = True if is_chat else request.logprobs
        if is_chat and request.logprobs:
            body["top_logprobs"] = request.logprobs
    if request.schema is not None:
        form = {"name": "answer", "schema": request.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.tools is not None:
        body["tools"] = list(request.tools)
    return body


def _weighed_after(request: Request) -> str:
    """The text before the text that is weighed."""
    return "" if request.kind == "rolling" else (request.prompt or "").rstrip()


class Choices(NamedTuple):
    """The choices that came back for one request: how many, and those of them that are answers."""

    received: int
    samples: list[Sample]


def read_choices(document: Mapping[str, Any], request: Request, indices: Sequence[int], latency_s: float) -> Choices:
    """The answers in the body of a response, at most one for each index; token counts are left out where they are none.

    Raises:
        UnusableError: there are no choices, none of them holds an answer, or a field is of another type.
        CapabilityError: log probabilities were asked for and are not there.
    """
    if not isinstance(document.get("choices"), list) or not document["choices"]:
        detail = next((f"; it says: {document[name]}" for name in ("message", "detail") if document.get(name)), "")
        raise UnusableError(f"the answer holds no choices{detail}")
    try:
        choices = sorted(_Document.model_validate(document).choices, key=lambda choice: choice.index or 0)
        if request.kind in WEIGHED:
            weighed = _weighed([_echoed(choice.logprobs) for choice in choices if choice.logprobs], request)
            return Choices(len(indices), [Sample("", each, latency_s=latency_s, **weighed) for each in indices])
        contents = [None if choice.flaw else _content(choice, request) for choice in choices]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, ArithmeticError) as error:
        problem = str(error)
    else:
        usage = document.get("usage")
        usage = usage if isinstance(usage, Mapping) else {}
        counts = _token_counts(count(usage.get("completion_tokens")), contents)
        shared: dict[str, Any] = {"prompt_tokens": count(usage.get("prompt_tokens")), "latency_s": latency_s}
        answers = [{"completion_tokens": n, **each} for each, n in zip(contents, counts, strict=True) if each]
        if answers:
            samples = [Sample(index=at, **shared, **each) for at, each in zip(indices, answers, strict=False)]
            return Choices(len(choices), samples)
        flaws = (choice.flaw for choice in choices)
        raise UnusableError(next(filter(None, flaws), "the answer holds neither text nor tool calls"))
    raise UnusableError(f"the answer is not a {'chat ' if request.kind == 'chat' else ''}completion ({problem})")


def _content(choice: _Choice, request: Request) -> dict[str, Any] | None:
    """The fields of a sample that one choice gives; None where it gives no answer."""
    reason, top = choice.finish_reason or "stop", request.logprobs
    if request.kind == "completion":
        if choice.text is None:
            raise ValueError("text is missing")
        listed = None if top is None else _listed(choice.logprobs, top)
        return {"text": choice.text, "finish_reason": reason, "logprobs": listed}
    if (message := choice.message) is None:
        raise ValueError("message is missing")
    answer, calls, thought = message.content, message.tool_calls, message.reasoning_content or message.reasoning
    if isinstance(answer, list):
        parts = [part.text for part in answer if part.text is not None]
        answer = "".join(parts) if parts else None
    answer = message.refusal if answer is None else answer
    is_empty = answer is None and not thought and reason not in _MAY_BE_EMPTY
    if not calls and (is_empty or (not answer and reason in _CALLS)):
        return None
    return {
        "text": answer or "",
        "finish_reason": reason,
        "reasoning": thought,
        "tool_calls": tuple(calls) if calls else None,
        "logprobs": None if top is None else _tokens(choice.logprobs, top),
    }


def _tokens(logprobs: Any, alternatives: int) -> tuple[TokenLogprob, ...]:
    if not logprobs or (entries := _Tokens.model_validate(logprobs).content) is None:
        raise CapabilityError(NO_LOGPROBS)
    tops = ([(top.token, top.logprob) for top in each.top_logprobs or ()][:alternatives] for each in entries)
    return tuple(TokenLogprob(each.token, each.logprob, tuple(top)) for each, top in zip(entries, tops, strict=True))


def _listed(logprobs: Any, alternatives: int) -> tuple[TokenLogprob, ...]:
    if logprobs is None:
        raise CapabilityError(NO_LOGPROBS)
    lists = _Lists.model_validate(logprobs)
    tops = (lists.top_logprobs if alternatives else None) or [None] * len(lists.tokens)
    entries = []
    for token, logprob, top in zip(lists.tokens, lists.token_logprobs, tops, strict=True):
        if logprob is None:
            raise ValueError("a log probability is missing")
        ranked = sorted((top or {}).items(), key=lambda item: (-item[1], item[0]))
        entries.append(TokenLogprob(token, logprob, tuple(ranked[:alternatives])))
    return tuple(entries)


def _token_counts(total: int | None, contents: Sequence[Mapping[str, Any] | None]) -> list[int | None]:
    """Completion tokens of each choice: counted where log probabilities list them, else shared out evenly.

    An uneven total gives its remainder to the first choices, so that the counts always add up to what was billed.
    """
    if total is None:
        return [None] * len(contents)
    listed = [len(content["logprobs"] or ()) if content else 0 for content in contents]
    share, rest = divmod(total, len(contents))
    return [*listed] if sum(listed) == total else [share + (place < rest) for place in range(len(contents))]


def _echoed(logprobs: Any) -> list[tuple[float, float] | None]:
    """For each token of the echoed prompt its log probability and that of the most probable token at its place.

    None for a token without them, as the first one is. The generated token at the end is left out.
    """
    lists = _Lists.model_validate(logprobs)
    pairs = list(zip(lists.token_logprobs, lists.top_logprobs or (), strict=True))[:-1]
    return [None if logprob is None else (logprob, max((top or {}).values())) for logprob, top in pairs]


def _weighed(rows: Sequence[list[tuple[float, float] | None]], request: Request) -> dict[str, Any]:
    """The log probability of the continuation or the whole text, summed over its tokens.

    The first token of all has one only where the server puts a token in front of it; else it is not weighed.

    Raises:
        CapabilityError: the endpoint did not echo the prompt with its log probabilities.
    """
    context = _weighed_after(request)
    if len(rows) != (2 if context else 1) or not all(rows):
        raise CapabilityError(NO_ECHO)
    start = max(len(rows[0]) if context else 0, rows[-1][0] is None)
    weighed = [token for token in rows[-1][start:] if token is not None]
    if not weighed or len(weighed) < len(rows[-1]) - start:
        raise CapabilityError(NO_ECHO)
    return {
        "prompt_tokens": len(rows[-1]) - len(weighed),
        "completion_tokens": len(weighed),
        "loglikelihood": float(sum(logprob for logprob, _ in weighed)),
        "is_greedy": all(logprob >= best for logprob, best in weighed),
    }


def count(value: Any) -> int | None:
    """A number of tokens; None for anything that is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS
    return value if is_count else None


def is_same_model(asked: str, answered: str) -> bool:
    """Tell whether two names mean one model, as far as names tell: a provider or folder in front does not count."""
    ends = [name.strip().rstrip("/").rpartition("/")[2].lower() for name in (asked, answered)]
    return ends[0] == ends[1]
