"""The outcome of a load: each request's end, and the figures of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

PERCENTILES = (50, 90, 95, 99)
CONFIDENCE_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """The course of one request. It is an error or has latencies, never both.

    Attributes:
        index: its place in the plan, from 0.
        scheduled_s: when it was to be begun, in seconds from the start of the measurement.
        sent_s: when it was begun. A connection that had to be opened for it comes after that.
        ended_s: when its answer was complete, or it failed.
        error: the kind of its failure; None for an answer.
        said: what the server said to a failure, shortened; "".
        status, packets: of an answer that is not read yet: 0 before its head is there; when each part of its body came.
        ttft_s: from sent to the first token, reasoning included. None for an error.
        gaps_s: for each arrival of tokens after the first, the seconds for each of its tokens, and how many they were.
        prompt_tokens, completion_tokens, cached_tokens: as the server's usage counts them; None where it does not.
        asked_tokens: how many the answer was to have exactly; None where it could end by itself.
    """

    index: int
    scheduled_s: float
    sent_s: float
    ended_s: float
    error: str | None = None
    said: str = ""
    status: int = 0
    packets: tuple[tuple[float, bytes], ...] = field(default=(), repr=False)
    ttft_s: float | None = None
    gaps_s: tuple[tuple[float, float], ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    asked_tokens: int | None = None

    @property
    def delay_s(self) -> float:
        """Seconds from when it was planned to when it was begun."""
        return self.sent_s - self.scheduled_s

    @property
    def ttft_scheduled_s(self) -> float | None:
        """From when it was to be begun to the first token."""
        return None if self.ttft_s is None else self.ttft_s + self.delay_s

    @property
    def e2e_s(self) -> float | None:
        """From sent to the end of the answer."""
        return None if self.error is not None else self.ended_s - self.sent_s

    @property
    def itl_s(self) -> float | None:
        """The mean time between tokens that did not arrive together; None where all did."""
        tokens = sum(tokens for _, tokens in self.gaps_s)
        return sum(seconds * tokens for seconds, tokens in self.gaps_s) / tokens if tokens else None

    @property
    def tpot_s(self) -> float | None:
        """From the first token to the last, for each token after the first; None where no usage counts two."""
        if self.ttft_s is None or self.completion_tokens is None or self.completion_tokens < 2:
            return None
        decoding_s = sum(seconds * tokens for seconds, tokens in self.gaps_s)
        return decoding_s / (self.completion_tokens - 1)


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Mean, percentiles and maximum of one latency, in seconds.

    Attributes:
        n: how many values there are: requests, and for the time between tokens the tokens that have one.
        p50, p90, p95, p99: the sample's percentiles (the smallest value that so many do not exceed); None where the
            largest of so few requests would not be above the true one with 95 % confidence.
    """

    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The outcome of a load, under the names that `steelyard load --json` writes.

    Times are in seconds, sizes in tokens. `requests` is `completed` plus all `errors`.

    Attributes:
        valid: whether the figures can be trusted. invalid_reasons: why not, a sentence each with the way out.
        notes: what else is to be known: percentiles that are left out, doubts that the plan accepts.
        requests: begun in the measurement, warm-up left out. completed: answered to the end.
        errors: kind of failure → how many.
        duration_s: from the start of the measurement to the end of its last answer.
        rate_planned: requests a second; None for a closed loop. rate_achieved: those that were begun.
        schedule_delay_s: how much later than planned requests were begun.
        ttft_s: time to the first token from when a request was begun; ttft_scheduled_s: from when it was to be.
        itl_s: time between tokens. tpot_s: of each request the mean time for a token after the first.
        e2e_s: from begun to the end of the answer.
        output_tokens_per_s, requests_per_s, goodput_per_s: over `duration_s`; the last of requests that keep the
            objective, None without one and where tokens are not counted that it needs (tpot).
        prompt_tokens, completion_tokens: of completed requests, by the server's usage; None where it does not count.
        client_cpu: the share of one core that the generator used while it measured.
        server: what the server's own counters tell of the same time, by name; empty for a server without any.
        others_cpu: cores that were busy with what is neither the server nor this run; None where that can't be told.
        steal: share of the machine's time that its host took.
        interrupted: whether Ctrl-C ended it early.
        by_server: whether something that the server itself did is among the reasons not to trust the figures: it
            ended, answered nothing, put requests off, answered from a cache, or gave answers of another length.
        records: every request.
    """

    valid: bool
    invalid_reasons: tuple[str, ...]
    notes: tuple[str, ...]
    requests: int
    completed: int
    errors: Mapping[str, int]
    duration_s: float
    rate_planned: float | None
    rate_achieved: float | None
    schedule_delay_s: LatencyFigures
    ttft_s: LatencyFigures
    ttft_scheduled_s: LatencyFigures
    itl_s: LatencyFigures
    tpot_s: LatencyFigures
    e2e_s: LatencyFigures
    output_tokens_per_s: float | None
    requests_per_s: float
    goodput_per_s: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    client_cpu: float
    server: Mapping[str, float] = field(default_factory=dict)
    others_cpu: float | None = None
    steal: float | None = None
    interrupted: bool = False
    by_server: bool = False
    records: tuple[RequestRecord, ...] = field(default=(), repr=False)

    def as_json(self) -> dict[str, Any]:
        """Plain data with the keys of `steelyard load --json`; without the single requests."""
        plain = asdict(replace(self, records=()))
        del plain["records"]
        return plain
