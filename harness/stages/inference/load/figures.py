"""The figures of a load from the rows of its requests, and the doubts about them, each with its way out."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.stages.inference.load.rows import Row, latencies
from harness.statistics.quantiles.quantiles import values_needed

if TYPE_CHECKING:
    from harness.stages.inference.load.plan import LoadPlan

_PERCENTILES = (50, 90, 95, 99)
MOST_DELAY_S = 0.010
"""All but 1 in 100 requests are begun within it: a frame of the eye, and less than a step of most engines."""
_MOST_CLIENT_CPU = 0.8
"""Share of a core beyond which packets wait for the generator, and not only for the server."""
_MOST_CACHED = 0.01
"""Share of the prompts' tokens that a cache may answer though it was not meant to."""
_MOST_STEAL, _MOST_OTHERS = 0.02, 0.1
"""Share of the machine that its host, and that other processes, may take."""


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Mean, percentiles and maximum of one latency, in seconds.

    A percentile is the smallest value that so many do not exceed (the inverse of the empirical distribution), so it is
    one that was measured; None where the largest of so few requests would not be above the true one with 95 %
    confidence. `n` says how many values there are: requests, and for the time between tokens the tokens that have one.
    """

    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The outcome of a load, under the names that `steelyard load --json` writes; docs/reference.md says what each is.

    `rows` has every request, and is left out there.
    """

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
    client_cpu: float = 0.0
    server: Mapping[str, float] = field(default_factory=dict)
    others_cpu: float | None = None
    steal: float | None = None
    energy_j: float | None = None
    interrupted: bool = False
    valid: bool = True
    invalid_reasons: tuple[str, ...] = ()
    by_server: bool = False
    notes: tuple[str, ...] = ()
    rows: tuple[Row, ...] = field(default=(), repr=False)

    def as_json(self) -> dict[str, Any]:
        """Plain data with the keys of `steelyard load --json`; without the single requests."""
        plain = asdict(replace(self, rows=()))
        del plain["rows"]
        return plain


def latency_figures(
    values: Iterable[float], weights: Sequence[float] | None = None, *, requests: int | None = None
) -> LatencyFigures:
    """The figures of values in seconds, NaN for what has none; `weights` says how many tokens have each.

    `requests` is how many requests they are of, which tells what percentiles they support: values of one request are no
    independent ones. Without it each value is a request's.
    """
    import numpy as np

    array = np.array([value for value in values if not math.isnan(value)])
    if not len(array):
        return LatencyFigures()
    percentiles = {
        f"p{each}": float(np.quantile(array, each / 100, method="inverted_cdf", weights=weights))
        for each in _PERCENTILES
        if (len(array) if requests is None else requests) >= values_needed(each)
    }
    number = len(array) if weights is None else round(sum(weights))
    mean = float(np.average(array, weights=weights))
    return LatencyFigures(mean=mean, max=float(array.max()), n=number, **percentiles)


def figures(rows: Sequence[Row], plan: LoadPlan) -> LoadResult:
    """The figures that rows alone tell."""
    answered = [row for row in rows if row.error is None]
    seconds = [latencies(row) for row in answered]
    pairs = [pair for row in answered for pair in pairwise(row.chunks)]
    duration_s = max((row.done_s for row in rows), default=0.0)
    written = _sum(row.completion_tokens for row in answered)
    # Of a whole open loop the rate is at least that of the plan: the last request is before the end of its time.
    begun_s = duration_s if plan.rate is None else max((row.sent_s for row in rows), default=0.0)
    if plan.rate is not None and len(rows) == plan.n_requests():
        begun_s = max(begun_s, len(rows) / plan.rate)
    n_good = sum(is_good(each, plan.objective) for each in seconds)
    has_good = plan.objective and (
        "tpot" not in plan.objective or None not in [row.completion_tokens for row in answered]
    )

    def per_second(number: float) -> float:
        return number / duration_s if duration_s > 0 else 0.0

    def of(name: str) -> LatencyFigures:
        return latency_figures(each[name] for each in seconds)

    return LoadResult(
        requests=len(rows),
        completed=len(answered),
        errors=dict(Counter(row.error for row in rows if row.error is not None).most_common()),
        duration_s=duration_s,
        rate_planned=plan.rate,
        rate_achieved=len(rows) / begun_s if begun_s > 0 and rows else None,
        schedule_delay_s=latency_figures(latencies(row)["schedule_delay"] for row in rows),
        itl_s=latency_figures(
            [(at_s - before_s) / tokens for (before_s, _), (at_s, tokens) in pairs],
            [tokens for _, (_, tokens) in pairs],
            requests=sum(len(row.chunks) > 1 for row in answered),
        ),
        ttft_s=of("ttft"),
        ttft_scheduled_s=of("ttft_scheduled"),
        tpot_s=of("tpot"),
        e2e_s=of("e2e"),
        prompt_tokens=_sum(row.prompt_tokens for row in answered),
        completion_tokens=written,
        output_tokens_per_s=None if written is None else per_second(written),
        requests_per_s=per_second(len(answered)),
        goodput_per_s=per_second(n_good) if has_good else None,
        rows=tuple(rows),
    )


def is_good(seconds: Mapping[str, float], objective: Mapping[str, float]) -> bool:
    """True for the latencies of an answer that keep every objective. One of a single token has no time between tokens,
    so none that is too long.
    """
    return not any(seconds[name] > limit for name, limit in objective.items())


def notes(result: LoadResult, n_prompts: int) -> list[str]:
    """Return what a reader must know beside the figures; `n_prompts` were written."""
    requests, answered, notes = result.requests, result.completed, []
    if missing := [each for each in _PERCENTILES if 0 < answered < values_needed(each)]:
        names = ", ".join(f"p{each} ({values_needed(each)})" for each in missing)
        notes.append(
            f"{answered} answers do not support {names}: it takes so many requests until the largest is above the "
            "percentile with 95% confidence. Send more."
        )
    if 0 < answered < requests:
        notes.append(f"{requests - answered} of {requests} requests are errors; the latencies are those of the others.")
    counts = [(row.prompt_tokens, row.completion_tokens) for row in result.rows if row.error is None]
    if uncounted := sum(None in each for each in counts):
        notes.append(
            f"{uncounted} of {answered} answers do not tell their tokens (usage), so that they are not counted: "
            "prompt_tokens, completion_tokens, output_tokens_per_s, tpot_s and goodput_per_s (of an objective of tpot) "
            "are left out where they need them."
        )
    if requests > n_prompts:
        notes.append(
            f"{n_prompts:,} prompts were written, and repeated from the first one on. Give --requests for as many "
            "prompts as there are requests."
        )
    return notes


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of counts; None where one of them is missing, or there is none."""
    known = list(counts)
    return sum(filter(None, known)) if known and None not in known else None


class Doubt(NamedTuple):
    """One reason not to trust a run: its name in a plan's `accept` ("" for what can't be accepted), and whether it is
    the server's own doing; the others are of the client, the machine, its host, and of whoever else asks the server.
    """

    name: str
    reason: str
    by_server: bool = False


def doubts(result: LoadResult, plan: LoadPlan, *, is_reachable: bool = True) -> list[Doubt]:
    """Every reason not to trust a run, after which the server was still there or not."""
    return [*_ended(result, is_reachable), *_machine(result), *_server(result, plan)]


def _ended(result: LoadResult, is_reachable: bool) -> Iterator[Doubt]:
    """Return what makes a run worthless: nothing was answered, or the server or the run ended."""
    if result.interrupted:
        yield Doubt("", "The run was ended before all was measured (Ctrl-C): the figures are of what came until then.")
    kinds = ", ".join(f"{kind} {number}" for kind, number in result.errors.items())
    if not is_reachable:
        reason = (
            f"The server ended in the middle: nothing answers at its address any more, {result.completed} of "
            f"{result.requests} requests were answered ({kinds or 'no errors'}). See its log; start it again, or "
            "send it less."
        )
        yield Doubt("", reason, by_server=True)
    elif result.requests and not result.completed:
        message = next((row.message for row in result.rows if row.message), "nothing")
        reason = f"None of {result.requests} requests was answered ({kinds}). The server said: {message}."
        yield Doubt("", reason, by_server=True)


def _machine(result: LoadResult) -> Iterator[Doubt]:
    """Return what the generator, the machine and its host did."""
    cores, others, steal = os.cpu_count() or 1, result.others_cpu or 0.0, result.steal or 0.0
    if result.client_cpu > _MOST_CLIENT_CPU:
        reason = (
            f"The generator used {result.client_cpu:.0%} of a core, more than {_MOST_CLIENT_CPU:.0%}: answers waited "
            "for it. Send less, or from a machine of its own."
        )
        yield Doubt("client", reason)
    p99_s = result.schedule_delay_s.p99
    late_s = (result.schedule_delay_s.max or 0.0) if p99_s is None else p99_s
    if late_s > MOST_DELAY_S:
        reason = (
            f"{'A request' if p99_s is None else '1 in 100 requests'} was begun "
            f"{'' if p99_s is None else 'at least '}{late_s * 1000:.1f} ms later than planned, more than "
            f"{MOST_DELAY_S * 1000:.0f} ms: the load was not the one that was asked for. Leave the generator a core, "
            "or send from another machine."
        )
        yield Doubt("schedule", reason)
    if others > _MOST_OTHERS * cores:
        reason = (
            f"Other processes kept {others:.1f} of {cores} cores busy, more than {_MOST_OTHERS:.0%}. End them, or "
            "repeat it when they are done."
        )
        yield Doubt("machine", reason)
    if steal > _MOST_STEAL:
        reason = (
            f"The host took {steal:.1%} of this machine's time (steal), more than {_MOST_STEAL:.0%}. Repeat it when "
            "the host is quieter, or on a machine of your own."
        )
        yield Doubt("steal", reason)


def _server(result: LoadResult, plan: LoadPlan) -> Iterator[Doubt]:
    """Return what the server's counters and usage tell. Where it served somebody else, its other counters count
    that, too.
    """
    server, of_others = result.server, list[Doubt]()
    for name in ("prompt_tokens", "completion_tokens"):
        ours, theirs = getattr(result, name), server.get(name)
        # What failed is in its counters, and in no usage.
        if ours is not None and theirs is not None and round(theirs) != ours and not result.errors:
            reason = (
                f"The answers' usage counts {ours:,} {name.replace('_', ' ')}, the server's own counter {theirs:,.0f}: "
                "somebody else used the server meanwhile, or one of the two is wrong. Have the server to yourself."
            )
            of_others.append(Doubt("tokens", reason))
    hits, queries = server.get("cache_hits", 0.0), server.get("cache_queries", 0.0)
    if not queries:
        hits = float(sum(row.cached_tokens or 0 for row in result.rows))
        queries = float(result.prompt_tokens or 0)
    if not plan.cached and queries and hits / queries > _MOST_CACHED:
        yield Doubt(
            "cache",
            f"A cache answered {hits / queries:.0%} of the prompts' tokens ({hits:,.0f} of {queries:,.0f}), which "
            "makes the first token come sooner. Send prompts that differ, or say that it is meant (--cached).",
            by_server=not of_others,
        )
    if number := server.get("preemptions"):
        yield Doubt(
            "preemptions",
            f"The server put off {number:,.0f} requests that it had begun (preemptions), for its KV cache was full, "
            "and computed them twice. Send less, shorter ones, or give it more memory for the cache.",
            by_server=not of_others,
        )
    counts = [(row.completion_tokens, row.asked_tokens) for row in result.rows]
    if unlike := [(came, asked) for came, asked in counts if None not in (came, asked) and came != asked]:
        yield Doubt(
            "tokens",
            f"{len(unlike)} answers have another number of tokens than was asked for ({unlike[0][0]} in place of "
            f"{unlike[0][1]}). See whether the server takes ignore_eos, or let the model end its answers "
            "(--ends-itself).",
            by_server=True,
        )
    yield from of_others
