"""Requests as they go over the wire, written before the first of them is sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from harness.errors import UsageError
from harness.models.openai.format import chat_payload
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load.connections import Target
from harness.stages.inference.load.counters import ServedModel, tokenized_size
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt

_LONGEST_ASKED = 5
_LONGEST_TOKEN = 32
_REFUSED_FORM = ("http_400", "http_422")


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The form in which a server wants its requests, as far as servers differ.

    Attributes:
        model: what it says of itself.
        limit: the field for the most tokens of an answer; OpenAI's newer models want `max_completion_tokens`.
        counts: whether it takes the wish that a stream tells its usage.
    """

    model: ServedModel
    limit: str = "max_tokens"
    counts: bool = True

    def mended(self, error: str, said: str) -> RequestForm | None:
        """The form that a server which refuses this one asks for; None where what it says asks for none."""
        if error not in _REFUSED_FORM:
            return None
        if self.limit == "max_tokens" and "max_completion_tokens" in said:
            return replace(self, limit="max_completion_tokens")
        if self.counts and "stream_options" in said:
            return replace(self, counts=False)
        return None


def target_of(address: ServerAddress) -> Target:
    """Return the host and port of a server's address."""
    parts = urlsplit(address.base_url)
    is_encrypted = parts.scheme == "https"
    return Target(parts.hostname or "", parts.port or (443 if is_encrypted else 80), is_encrypted)


def body_of(
    prompt: PlannedPrompt, number: int, address: ServerAddress, plan: LoadPlan, form: RequestForm
) -> dict[str, Any]:
    """The body of a request: the version's template, system text and sampling, as a stream that counts its tokens.

    A server of vLLM is also asked for the exact length, to count along, and for a cache that no other request has.
    """
    asked = prompt.messages if prompt.text is None else prompt.text
    request = address.version.chat(asked, sampling={"max_tokens": prompt.output_tokens or plan.output_tokens})
    body = chat_payload(address.model, request, range(number, number + 1))
    body["stream"] = True
    if form.counts:
        body["stream_options"] = {"include_usage": True}
        if form.model.is_vllm:
            body["stream_options"]["continuous_usage_stats"] = True
    if form.limit not in body:
        body[form.limit] = body.pop("max_tokens")
    if form.model.is_vllm:
        if not plan.ends_itself:
            body["ignore_eos"] = True
        if not plan.cached:
            body["cache_salt"] = secrets.token_hex(8)
    return body


def asked_tokens(body: Mapping[str, Any]) -> int | None:
    """The number of tokens that an answer must have; None where the model may end it before."""
    return longest_answer(body) if body.get("ignore_eos") else None


def longest_answer(body: Mapping[str, Any]) -> int:
    """The most tokens that an answer may have."""
    return int(body.get("max_tokens") or body["max_completion_tokens"])


def wire_request(body: Mapping[str, Any], address: ServerAddress) -> bytes:
    """The request as it goes over the wire."""
    parts = urlsplit(address.base_url)
    content = json.dumps(body, default=dict, separators=(",", ":")).encode("ascii")
    lines = [
        f"POST {parts.path.rstrip('/')}/chat/completions HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "Accept: text/event-stream",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "User-Agent: steelyard",
    ]
    if address.api_key is not None:
        lines.append(f"Authorization: Bearer {address.api_key}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + content


def check_made_up(plan: LoadPlan, address: ServerAddress, model: ServedModel) -> None:
    """Refuse made-up prompts whose words alone are more than the server's context, before one is made.

    Raises:
        UsageError: naming the sizes.
    """
    limit = model.context_tokens
    if limit is not None and not plan.prompts and plan.prompt_tokens > limit:
        raise _too_long(f"at least {plan.prompt_tokens:,}", plan.output_tokens, address, limit)


def check_context(bodies: list[dict[str, Any]], address: ServerAddress, model: ServedModel) -> None:
    """Refuse prompts that do not fit into the server's context with their answers, before any load.

    Raises:
        UsageError: naming the sizes. vLLM tells how many tokens a prompt has; elsewhere they are at least its words.
    """
    limit = model.context_tokens
    if limit is None or not bodies:
        return
    longest = sorted(bodies, key=lambda body: -len(str(body["messages"])))[:_LONGEST_ASKED]
    for body in [*longest, max(bodies, key=longest_answer)]:
        answer = longest_answer(body)
        exact = tokenized_size(address, body) if model.is_vllm else None
        prompt = _fewest_tokens(body) if exact is None else exact
        if prompt + answer > limit:
            raise _too_long(f"{'at least ' if exact is None else ''}{prompt:,}", answer, address, limit)


def _too_long(prompt: str, answer: int, address: ServerAddress, limit: int) -> UsageError:
    return UsageError(
        f"A prompt of {prompt} tokens and an answer of {answer:,} tokens do not fit into the context of "
        f"{address.model!r}, {limit:,} tokens. Send shorter prompts (--prompt-tokens, --prompts), ask for shorter "
        "answers (--output-tokens), or serve it with a larger max_model_len."
    )


def _fewest_tokens(body: Mapping[str, Any]) -> int:
    """The fewest tokens of a prompt: no token spans words, and none is as long as a hostile run of letters."""
    words = [word for turn in body["messages"] for word in str(turn.get("content")).split()]
    return max(len(words), sum(map(len, words)) // _LONGEST_TOKEN)
