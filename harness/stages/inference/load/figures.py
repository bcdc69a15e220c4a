"""The figures of a load from the rows of its requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from harness.stages.inference.load.rows import Row, latencies
from harness.statistics.quantiles.quantiles import values_needed

if TYPE_CHECKING:
    from harness.stages.inference.load.plan import LoadPlan

_PERCENTILES = (50, 90, 95, 99)


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
    """What a reader must know beside the figures; `n_prompts` were written."""
    requests, answered, told = result.requests, result.completed, []
    if missing := [each for each in _PERCENTILES if 0 < answered < values_needed(each)]:
        names = ", ".join(f"p{each} ({values_needed(each)})" for each in missing)
        told.append(
            f"{answered} answers do not support {names}: it takes so many requests until the largest is above the "
            "percentile with 95% confidence. Send more."
        )
    if 0 < answered < requests:
        told.append(f"{requests - answered} of {requests} requests are errors; the latencies are those of the others.")
    counts = [(row.prompt_tokens, row.completion_tokens) for row in result.rows if row.error is None]
    if uncounted := sum(None in each for each in counts):
        told.append(
            f"{uncounted} of {answered} answers do not tell their tokens (usage), so that they are not counted: "
            "prompt_tokens, completion_tokens, output_tokens_per_s, tpot_s and goodput_per_s (of an objective of tpot) "
            "are left out where they need them."
        )
    if requests > n_prompts:
        told.append(
            f"{n_prompts:,} prompts were written, and repeated from the first one on. Give --requests for as many "
            "prompts as there are requests."
        )
    return told


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of counts; None where one of them is missing, or there is none."""
    known = list(counts)
    return sum(filter(None, known)) if known and None not in known else None
