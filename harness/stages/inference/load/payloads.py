"""Bodies of requests, written before the first of them is sent."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace

from harness.models.openai.format import payload
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt

HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "steelyard",
}


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The form in which a server wants its requests, as far as servers differ.

    Attributes:
        is_vllm: whether it takes what only vLLM takes.
        limit: the field for the most tokens of an answer; OpenAI's newer models want `max_completion_tokens`.
        counts: whether it takes the wish that a stream tells its usage.
    """

    is_vllm: bool
    limit: str = "max_tokens"
    counts: bool = True

    def mended(self, error: str, said: str) -> RequestForm | None:
        """The form that a server which refuses this one asks for; None where what it says asks for none."""
        if error in ("http_400", "http_422"):
            if self.limit == "max_tokens" and "max_completion_tokens" in said:
                return replace(self, limit="max_completion_tokens")
            if self.counts and "stream_options" in said:
                return replace(self, counts=False)
        return None


def asked_tokens(prompt: PlannedPrompt, plan: LoadPlan, form: RequestForm) -> int | None:
    """The number of tokens that an answer must have; None where the model may end it before."""
    return (prompt.output_tokens or plan.output_tokens) if form.is_vllm and not plan.ends_itself else None


def body_of(prompt: PlannedPrompt, number: int, address: ServerAddress, plan: LoadPlan, form: RequestForm) -> bytes:
    """The body of a request: the version's template, system text and sampling, as a stream that counts its tokens.

    A server of vLLM is also asked for the exact length, to count along, and for a cache that no other request has.
    """
    asked = prompt.messages if prompt.text is None else prompt.text
    request = address.version.chat(asked, sampling={"max_tokens": prompt.output_tokens or plan.output_tokens})
    body = payload(address.model, request, range(number, number + 1))
    body["stream"] = True
    if form.counts:
        body["stream_options"] = {"include_usage": True}
        if form.is_vllm:
            body["stream_options"]["continuous_usage_stats"] = True
    if form.limit not in body:
        body[form.limit] = body.pop("max_tokens")
    if form.is_vllm and not plan.ends_itself:
        body["ignore_eos"] = True
    if form.is_vllm and not plan.cached:
        body["cache_salt"] = secrets.token_hex(8)
    return json.dumps(body, default=dict, separators=(",", ":")).encode("ascii")
