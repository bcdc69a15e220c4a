"""The port between the sampler and whatever answers: every engine implements `Engine`."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from harness.errors import SteelyardError
from harness.records import Request, Sample


class Capability(enum.StrEnum):
    """An ability of an engine beyond plain chat."""

    COMPLETION = "completion"
    CHAT_TEMPLATE = "chat_template"
    """Chat messages as the context of a completion or loglikelihood; plain chat needs it not."""
    LOGPROBS = "logprobs"
    LOGLIKELIHOOD = "loglikelihood"
    ROLLING = "rolling"
    PROMPT_LOGPROBS = "prompt_logprobs"
    """Log probabilities at each place of a given text, the tokens named by the vocabulary's own pieces."""
    SCHEMA = "schema"
    TOOLS = "tools"
    SEED = "seed"


class Engine(Protocol):
    """Answers requests for one or more versions of the same weights and engine settings.

    All methods are called from one asyncio loop. An engine retries what is worth retrying by itself; what it raises is
    final: `EngineError` (with the version's name and what to do), `UnreachableError` once it gave up for good.
    The properties may be plain attributes.
    """

    @property
    def name(self) -> str:
        """The name that messages show, e.g. "vllm (smollm2)"."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities that `sample` has; a request beyond them raises `CapabilityError` before it is sent."""

    @property
    def device(self) -> str | None:
        """The device that it computes on. Engines of the same one, such as two bound to the same CPU cores, slow each
        other down, and so the sampler lets one finish before the other starts; None where there is no such thing."""

    @property
    def batch_size(self) -> int | None:
        """Samples that keep it busy; more would only queue up. None where the window of requests is the only bound."""

    @property
    def http_requests(self) -> int:
        """Requests sent over a wire so far, retries included; 0 for engines in process."""

    @property
    def trouble(self) -> str:
        """The reason why requests are sent again right now, in a few words for people; "" where none is."""

    @property
    def answered_as(self) -> tuple[str, ...]:
        """Names of models under which an endpoint answered in place of the one that was asked for; () in process."""

    async def start(self) -> None:
        """Load the weights or check the endpoint. Called once, before the first `sample`; may take seconds."""

    def choices_per_request(self, request: Request) -> int:
        """Count the samples of `request` that one call of `sample` may draw at the moment: 1 at temperature 0, for an
        endpoint that was seen to ignore `n`, and for engines that have no `n`. What is weighed and not drawn is the
        same for every index, and so computed once for all of them."""

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Draw the samples with these indices; at most `choices_per_request`, consecutive when the request is seeded.

        A seeded request (`request.sampling["seed"]`) draws sample i with seed + i, whatever else is drawn beside it.
        Returns one sample for each index, in order, with `index` set. Fewer are allowed (at least one): the endpoint
        ignored `n`, and the caller asks for the rest again. Where each draw is a call of its own, `PartlyAnsweredError`
        has those that were answered beside the errors of the others.
        """

    def hold(self, error: SteelyardError) -> None:
        """Send nothing more over a wire: what waits to be sent, or to be sent again, ends with this error.

        What an engine in process was given it finishes.
        """

    async def close(self) -> None:
        """Free everything. Never raises for an engine that failed or never started."""
