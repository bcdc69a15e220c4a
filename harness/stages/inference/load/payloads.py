"""Bodies of requests, written before the first of them is sent."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace

from harness.models.openai.format import chat_payload
from harness.models.spec import ServerSpec
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The form in which a server wants its requests, as far as servers differ.

    Attributes:
        server: what it takes beyond OpenAI's API; None for nothing.
        limit: the field for the most tokens of an answer; OpenAI's newer models want `max_completion_tokens`.
        counts: whether it takes the wish that a stream tells its usage.
    """

    server: ServerSpec | None
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

    def asked_tokens(self, prompt: PlannedPrompt, plan: LoadPlan) -> int | None:
        """The number of tokens that an answer must have; None where the model may end it before."""
        return None if self.server is None or plan.ends_itself else prompt.output_tokens or plan.output_tokens

    def body(self, prompt: PlannedPrompt, number: int, address: ServerAddress, plan: LoadPlan) -> str:
        """The body of a request: the version's template, system text and sampling, as a stream that counts its tokens.

        A server of an engine's own is also asked for the exact length, to count along, and for a cache that no other
        request has.
        """
        asked = prompt.messages if prompt.text is None else prompt.text
        request = address.version.chat(asked, sampling={"max_tokens": prompt.output_tokens or plan.output_tokens})
        body = chat_payload(address.model, request, range(number, number + 1)) | {"stream": True}
        if self.counts:
            body["stream_options"] = {"include_usage": True, **(self.server.stream_options if self.server else {})}
        if self.limit not in body:
            body[self.limit] = body.pop("max_tokens")
        if self.server is not None:
            body |= {} if plan.ends_itself else self.server.fields
            body |= {} if plan.cached else {self.server.salt: secrets.token_hex(8)}
        return json.dumps(body, default=dict, separators=(",", ":"))
