"""The port between the sampler and whatever answers: every engine is an `Engine`."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

from harness.errors import SteelyardError
from harness.records import Request, Sample

WEIGHED = ("loglikelihood", "rolling")
"""Kinds of requests that weigh a given text, so that nothing is drawn."""
ALL_CHOICES = 1_000_000
"""More than are ever asked for at once."""


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


class Engine:
    """Answers requests for one or more versions of the same weights and engine settings.

    What stands here is right for an engine in process that has nothing to load. All methods are called from one asyncio
    loop. An engine retries what is worth retrying by itself; what it raises is final: `EngineError` (with the version's
    name and what to do), `UnreachableError` once it gave up for good.

    Attributes:
        name: shown in messages, e.g. "vllm (smollm2)".
        capabilities: of `sample`; a request beyond them raises `CapabilityError` before it is sent.
        device: that it computes on. Engines of the same one, such as two bound to the same CPU cores, slow each other
            down, and so the sampler lets one finish before the other starts; None where there is no such thing.
        batch_size: samples that keep it busy; None where the window of requests is the only bound.
        http_requests: sent over a wire so far, retries included.
        trouble: why requests are sent again right now, in a few words for people; "" where none is.
        answered_as: names of models under which an endpoint answered in place of the one that was asked for.
        learns_at_start: whether only its start tells what it can do, as of an application.
    """

    name: str
    capabilities: frozenset[Capability]
    device: str | None = None
    batch_size: int | None = None
    http_requests: int = 0
    trouble: str = ""
    answered_as: tuple[str, ...] = ()
    learns_at_start: bool = False

    @property
    def printed_lines(self) -> int:
        """Lines that an application has printed."""
        return 0

    async def start(self) -> None:
        """Load the weights or check the endpoint. Called once, before the first `sample`; may take seconds."""

    def choices_per_request(self, request: Request) -> int:
        """Count the samples of `request` that one call of `sample` may draw at the moment: 1 at temperature 0, for an
        endpoint that ignores `n`, and for engines that have no `n`. What is weighed is the same for every index."""
        raise NotImplementedError

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Draw the samples with these indices; at most `choices_per_request`, consecutive when the request is seeded.

        A seeded request (`request.sampling["seed"]`) draws sample i with seed + i, whatever else is drawn beside it.
        Returns one sample for each index, in order, with `index` set; fewer (at least one) where the endpoint ignored
        `n`: the rest is asked for again. Where each draw is a call of its own, `PartlyAnsweredError` has those that
        were answered beside the errors of the others.
        """
        raise NotImplementedError

    def ask_before_sending(self, find_refusal: Callable[[], SteelyardError | None]) -> None:
        """Send nothing over a wire, first or again, for which this finds an error: the request ends with that."""

    def hold(self, error: SteelyardError) -> None:
        """Send nothing more over a wire: what waits to be sent, or to be sent again, ends with this error."""

    def check_turns(self) -> None:
        """Refuse with `CapabilityError` a conversation that goes on after an answer, once it has started."""

    def remedy(self, lacking: str) -> str:  # noqa: ARG002
        """Say what gives an engine what it lacks, where its user can; "" where nothing does."""
        return ""

    async def close(self) -> None:
        """Free everything. Never raises for an engine that failed or never started."""
