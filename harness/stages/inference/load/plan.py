"""The plan of a load: which requests are sent and when, drawn from a seed before the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError, choices, none_of

if TYPE_CHECKING:
    import numpy as np

OBJECTIVES = ("ttft", "ttft_scheduled", "itl", "tpot", "e2e")
"""The figures that an objective can be set for, in seconds; each is of one request."""

DOUBTS = ("client", "schedule", "cache", "preemptions", "tokens", "machine", "steal")
"""The reasons not to trust a run; a plan may accept them by these names."""

_MOST = 1_000_000
"""The most requests of a run, and the most tokens of a prompt."""
_DEFAULT_REQUESTS = 300
_CLOSED_REQUESTS_A_SECOND = 20
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class PlannedPrompt:
    """The content of one request.

    Attributes:
        text: the prompt, or None for chat messages.
        messages: chat messages in the form of OpenAI's API; () for a prompt.
        output_tokens: how many tokens the answer shall have; None for as many as the plan says.
    """

    text: str | None
    messages: Sequence[Mapping[str, Any]] = ()
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """The requests of a load and their times. Exactly one of `rate` and `concurrency` says how they arrive.

    Two plans that are equal send the same prompts at the same times, so that two servers can be compared in pairs.

    Attributes:
        rate: requests a second on average, whatever the answers take (an open loop): a Poisson process.
        concurrency: so many requests in flight, each followed by the next when it ends (a closed loop).
        seconds: for how long requests are begun. requests: how many are begun. Whichever ends first; with neither, 300
            requests.
        prompts: what is asked, in turn; () for random words of `prompt_tokens`.
        prompt_tokens: about how many tokens a made-up prompt has, without the chat template.
        output_tokens: of an answer: exactly so many from a server of vLLM, elsewhere at most.
        ends_itself: let the model end its answers where it likes, after at most `output_tokens`.
        cached: let vLLM's prefix cache answer; else each request has a cache of its own.
        warm_up: requests before the measured ones, with prompts of their own.
        seed: of arrivals and prompts.
        objective: seconds that a request may take, by a name of `OBJECTIVES`; a good one keeps them all.
        timeout_s: a request that takes longer is an error.
        accept: doubts (`DOUBTS`) that do not make the run invalid; they are still told.
    """

    rate: float | None = None
    concurrency: int | None = None
    seconds: float | None = None
    requests: int | None = None
    prompts: tuple[PlannedPrompt, ...] = ()
    prompt_tokens: int = 128
    output_tokens: int = 64
    ends_itself: bool = False
    cached: bool = False
    warm_up: int = 4
    seed: int = 0
    objective: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    timeout_s: float = 300.0
    accept: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a plan that can't be carried out.

        Raises:
            UsageError: naming the value, and what to give instead.
        """
        _check_loop(self)
        _check_sizes(self)
        for name, limit in self.objective.items():
            if name not in OBJECTIVES:
                raise UsageError(f"{choices('objective', name, OBJECTIVES)} Write ttft=0.5,itl=0.1, in seconds.")
            if not 0 < limit < float("inf"):
                raise UsageError(f"objective {name} = {limit!r} names nothing that a request could keep; give seconds.")
        for doubt in self.accept:
            if doubt not in DOUBTS:
                raise UsageError(none_of("accept", doubt, DOUBTS))

    def most_requests(self) -> int:
        """The most requests that are begun; of a closed loop with a time limit it is an ample guess."""
        if self.requests is not None:
            return self.requests
        if self.concurrency is not None and self.seconds is not None:
            return min(20_000, max(2_000, round(self.concurrency * self.seconds * _CLOSED_REQUESTS_A_SECOND)))
        return _DEFAULT_REQUESTS if self.seconds is None else _MOST


def _check_loop(plan: LoadPlan) -> None:
    if (plan.rate is None) == (plan.concurrency is None):
        given = "none is given" if plan.rate is None else "both are given"
        raise UsageError(
            f"A load has one of rate and concurrency, and {given}. Give a rate (--rate 2.5, or rate=2.5 in a marker) "
            "for arrivals that do not wait for answers, or a concurrency (--concurrency 16, or concurrency=16) for so "
            "many requests in flight."
        )
    if plan.rate is not None and not 0 < plan.rate < float("inf"):
        raise UsageError(f"rate = {plan.rate!r} sends nothing; give requests a second, above 0, such as 2.5.")
    if plan.concurrency is not None and plan.concurrency < 1:
        raise UsageError(f"concurrency = {plan.concurrency!r} sends nothing; give a count of requests in flight.")


def _check_sizes(plan: LoadPlan) -> None:
    for name in ("seconds", "timeout_s"):
        value = getattr(plan, name)
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{name} = {value!r} is no time; give seconds above 0.")
    lows = {"requests": 1, "prompt_tokens": 1, "output_tokens": 1, "warm_up": 0, "seed": 0}
    sizes = {name: getattr(plan, name) for name in lows} | {"rate × seconds": (plan.rate or 0) * (plan.seconds or 0)}
    for name, size in sizes.items():
        if size is not None and size < lows.get(name, 0):
            raise UsageError(f"{name} = {size!r} is too small; give {lows[name]} or more.")
        if size is not None and name != "seed" and size > _MOST:
            raise UsageError(f"{name} = {size:,.0f} is more than one run may have, {_MOST:,}; give less.")


def arrival_times(plan: LoadPlan, generator: np.random.Generator) -> list[float] | None:
    """When each request is begun, in seconds from the start; None for a closed loop, where answers say it.

    Gaps are exponential. They are not scaled to a total afterwards, so the number of arrivals in a time is as random as
    that of a Poisson process.
    """
    import numpy as np

    if plan.rate is None:
        return None
    times: list[float] = []
    reached, most = 0.0, plan.most_requests()
    while len(times) < most:
        block = reached + np.cumsum(generator.exponential(1 / plan.rate, _BLOCK))
        reached = float(block[-1])
        times += (block if plan.seconds is None else block[block < plan.seconds]).tolist()
        if plan.seconds is not None and reached >= plan.seconds:
            break
    return times[:most]
