"""The plan of a load: which requests are sent and when, drawn from a seed before the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError, choices, none_of

if TYPE_CHECKING:
    import numpy as np

OBJECTIVES = ("ttft", "ttft_scheduled", "itl", "tpot", "e2e")
"""The figures that an objective can be set for, in seconds; each is of one request."""

DOUBTS = ("client", "schedule", "cache", "preemptions", "tokens", "machine", "steal")
"""The reasons not to trust a run; a plan may accept them by these names."""

_MOST_REQUESTS = 1_000_000
_MOST_PROMPT_TOKENS = 10_000_000
_DEFAULT_REQUESTS = 300
_CLOSED_REQUESTS_A_SECOND = 20
_MOST_CLOSED_REQUESTS = 20_000
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


@dataclass(frozen=True, slots=True)
class TracedRequest:
    """One line of a trace: when a request arrived, and how long prompt and answer were.

    Attributes:
        at_s: seconds from the beginning.
        prompt_tokens, output_tokens: their lengths; None for those of the plan.
        prompt: the prompt itself, where the trace has it.
    """

    at_s: float
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    prompt: PlannedPrompt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """The requests of a load and their times. Exactly one of `rate`, `concurrency` and `trace` says how they arrive.

    Two plans that are equal send the same prompts at the same times, so that two servers can be compared in pairs.

    Attributes:
        rate: requests a second on average, whatever the answers take (an open loop).
        burstiness: shape of the gamma distribution of the gaps between arrivals: 1 is a Poisson process, less comes in
            bursts, more is steadier.
        concurrency: so many requests in flight, each followed by the next when it ends (a closed loop).
        ramp: the rate, or the concurrency, that is reached at the end; it grows or falls evenly. None stays.
        trace: arrivals as they were once.
        seconds: for how long requests are begun. requests: how many are begun. Whichever ends first; with neither, 300
            requests, or the whole trace.
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
    burstiness: float = 1.0
    concurrency: int | None = None
    ramp: float | None = None
    trace: tuple[TracedRequest, ...] = ()
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

    def for_warm_up(self) -> LoadPlan:
        """The plan with prompts that are made up: those that are measured must not be known to a cache."""
        return replace(self, trace=(), prompts=(), rate=1.0, concurrency=None, ramp=None)

    def longest_made_up(self) -> int:
        """About how many tokens the longest of the measured prompts has that are made up; 0 where none is."""
        traced = [each.prompt_tokens or self.prompt_tokens for each in self.trace if each.prompt is None]
        made = traced if self.trace else [self.prompt_tokens]
        return 0 if self.prompts else max(made, default=0)

    def most_requests(self) -> int:
        """The most requests that are begun; of a closed loop with a time limit it is an ample guess."""
        if self.requests is not None:
            return self.requests
        if self.concurrency is not None and self.seconds is not None:
            most = max(self.concurrency, self.ramp or 0)
            return min(_MOST_CLOSED_REQUESTS, max(2_000, round(most * self.seconds * _CLOSED_REQUESTS_A_SECOND)))
        return _DEFAULT_REQUESTS if self.seconds is None else _MOST_REQUESTS


def _check_loop(plan: LoadPlan) -> None:
    ways = [name for name in ("rate", "concurrency") if getattr(plan, name) is not None]
    ways += ["trace"] if plan.trace else []
    if len(ways) != 1:
        given = f"{' and '.join(ways)} are given" if ways else "none is given"
        raise UsageError(
            f"A load has one of rate, concurrency and trace, and {given}. Give a rate (--rate 2.5, or rate=2.5 "
            "in a marker) for arrivals that do not wait for answers, or a concurrency (--concurrency 16, or "
            "concurrency=16) for so many requests in flight."
        )
    if plan.rate is not None and not 0 < plan.rate < float("inf"):
        raise UsageError(f"rate = {plan.rate!r} sends nothing; give requests a second, above 0, such as 2.5.")
    if plan.concurrency is not None and plan.concurrency < 1:
        raise UsageError(f"concurrency = {plan.concurrency!r} sends nothing; give a count of requests in flight.")
    if plan.burstiness != 1 and plan.rate is None:
        raise UsageError(
            f"burstiness = {plan.burstiness!r} is of the gaps between arrivals at a rate; a closed loop and a trace "
            "have none that are drawn. Give a rate, or leave it out."
        )
    if not 0 < plan.burstiness < float("inf"):
        raise UsageError(
            f"burstiness = {plan.burstiness!r} is no shape of a gamma distribution; give a number above 0."
        )
    if plan.ramp is not None:
        if plan.trace:
            raise UsageError("ramp changes a rate or a concurrency; a trace has its own. Leave out one of the two.")
        if plan.seconds is None:
            raise UsageError("ramp needs seconds: the time in which the rate or the concurrency gets there.")
        if not 0 < plan.ramp < float("inf"):
            raise UsageError(f"ramp = {plan.ramp!r} ends at nothing; give a rate or a concurrency above 0.")


def _check_sizes(plan: LoadPlan) -> None:
    for name in ("seconds", "timeout_s"):
        value = getattr(plan, name)
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{name} = {value!r} is no time; give seconds above 0.")
    for name, low in (("requests", 1), ("prompt_tokens", 1), ("output_tokens", 1), ("warm_up", 0), ("seed", 0)):
        value = getattr(plan, name)
        if value is not None and value < low:
            raise UsageError(f"{name} = {value!r} is too small; give {low} or more.")
    for size in (plan.requests, plan.rate and plan.seconds and plan.rate * plan.seconds):
        if size is not None and size > _MOST_REQUESTS:
            raise UsageError(f"{size:,.0f} requests are more than one run may have, {_MOST_REQUESTS:,}; send fewer.")
    in_flight = 0 if plan.concurrency is None else max(plan.concurrency, plan.ramp or 0)
    for name, size, most in (
        ("warm_up", plan.warm_up, _MOST_REQUESTS),
        ("concurrency", in_flight, _MOST_REQUESTS),
        ("prompt_tokens", plan.longest_made_up(), _MOST_PROMPT_TOKENS),
    ):
        if size > most:
            raise UsageError(f"{name} = {size:,.0f} is more than a run may have, {most:,}; give less.")


def arrival_times(plan: LoadPlan, generator: np.random.Generator) -> list[float] | None:
    """When each request is begun, in seconds from the start; None for a closed loop, where answers say it."""
    if plan.concurrency is not None:
        return None
    if plan.trace:
        times = [each.at_s for each in plan.trace if plan.seconds is None or each.at_s < plan.seconds]
        return times[: plan.requests]
    return _drawn(plan, generator)


def _drawn(plan: LoadPlan, generator: np.random.Generator) -> list[float]:
    """When requests arrive at the plan's rate, in seconds, ascending.

    Gaps are gamma distributed with mean 1 in the time in which the rate is 1; a ramp stretches that time (Cinlar 1975,
    inversion of the integrated rate). They are not scaled to a total afterwards, so the number of arrivals in a time
    is as random as that of a Poisson process.
    """
    import numpy as np

    assert plan.rate is not None
    times: list[float] = []
    reached, most = 0.0, plan.most_requests()
    while len(times) < most:
        gaps = generator.gamma(plan.burstiness, 1 / plan.burstiness, _BLOCK)
        expected = reached + np.cumsum(gaps)
        reached = float(expected[-1])
        block = _time_of(expected, plan.rate, plan.ramp, plan.seconds)
        if plan.seconds is not None:
            block = block[block < plan.seconds]
        times += block.tolist()
        if len(block) < _BLOCK:
            break
    return times[:most]


def mean_rate(plan: LoadPlan, times: list[float]) -> float | None:
    """Requests a second that a plan has; None for a closed loop. That of a trace is its own."""
    if plan.rate is not None and plan.ramp is None:
        return plan.rate
    if plan.rate is not None and plan.ramp is not None and len(times) != plan.requests:
        return (plan.rate + plan.ramp) / 2
    if times and times[-1] > 0:  # of a trace, or of a ramp that the number of requests ended
        return len(times) / times[-1]
    return None


def worker_starts(plan: LoadPlan) -> list[float]:
    """When each of the requests in flight of a closed loop joins, in seconds.

    The first `concurrency` begin at once; those that a ramp adds follow evenly.
    """
    assert plan.concurrency is not None
    if plan.ramp is None or plan.ramp <= plan.concurrency:
        return [0.0] * plan.concurrency
    assert plan.seconds is not None
    more = round(plan.ramp) - plan.concurrency
    return [0.0] * plan.concurrency + [plan.seconds * (number + 1) / (more + 1) for number in range(more)]


def worker_ends(plan: LoadPlan) -> list[float | None]:
    """When each of the requests in flight of a closed loop is no longer followed by another, in seconds; None: at the
    end.
    """
    assert plan.concurrency is not None
    if plan.ramp is None or plan.ramp >= plan.concurrency:
        return [None] * len(worker_starts(plan))
    assert plan.seconds is not None
    fewer = plan.concurrency - max(1, round(plan.ramp))
    ends: list[float | None] = [plan.seconds * (number + 1) / (fewer + 1) for number in range(fewer)]
    return ends + [None] * (plan.concurrency - fewer)


def _time_of(expected: np.ndarray, rate: float, ramp: float | None, seconds: float | None) -> np.ndarray:
    """The times by which so many arrivals are expected; infinity for what a falling rate never reaches."""
    import numpy as np

    if ramp is None or ramp == rate or seconds is None:
        return expected / rate
    slope = (ramp - rate) / seconds
    inside = rate**2 + 2 * slope * expected
    # 2 Λ / (r + sqrt(r² + 2 s Λ)) is (sqrt(r² + 2 s Λ) − r) / s without the difference of what is nearly equal.
    return np.where(inside >= 0, 2 * expected / (rate + np.sqrt(np.maximum(inside, 0))), np.inf)
