"""The figures of a load from the records of its requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.stages.inference.load.result import (
    CONFIDENCE_LEVEL,
    PERCENTILES,
    LatencyFigures,
    RequestRecord,
)
from harness.statistics.quantiles.quantiles import values_needed

if TYPE_CHECKING:
    from harness.stages.inference.load.plan import LoadPlan


def latency_figures(
    values: Sequence[float | None], weights: Sequence[float] | None = None, *, requests: int | None = None
) -> LatencyFigures:
    """Mean, percentiles and maximum of latencies.

    A percentile is the smallest value that is not exceeded by so many (the inverse of the empirical distribution), so
    it is one that was measured.

    Args:
        values: in seconds; None for what has none.
        weights: how many tokens have each value; one each where it is not given.
        requests: how many requests the values are of, which tells what percentiles they support: values of one request
            are no independent ones. Without it each value is a request's.
    """
    import numpy as np

    values = [value for value in values if value is not None]
    number = len(values) if weights is None else round(sum(weights))
    if not values:
        return LatencyFigures(None, None, None, None, None, None, 0)
    supported = len(values) if requests is None else requests
    array = np.asarray(values)
    weight = None if weights is None else np.asarray(weights)
    found: dict[str, float | None] = {
        f"p{each}": float(np.quantile(array, each / 100, method="inverted_cdf", weights=weight))
        if supported >= values_needed(each)
        else None
        for each in PERCENTILES
    }
    return LatencyFigures(mean=float(np.average(array, weights=weight)), max=float(array.max()), n=number, **found)


def figures(records: Sequence[RequestRecord], plan: LoadPlan) -> dict[str, Any]:
    """Everything in a result that comes from the records alone, by its name there."""
    answered = [record for record in records if record.error is None]
    duration_s = max((record.ended_s for record in records), default=0.0)
    gaps = [gap for record in answered for gap in record.gaps_s]
    completion_tokens = _sum(record.completion_tokens for record in answered)
    goodput = None
    if plan.objective and not ("tpot" in plan.objective and any(each.completion_tokens is None for each in answered)):
        goodput = _per_second(sum(is_good(record, plan.objective) for record in answered), duration_s)
    return {
        "requests": len(records),
        "completed": len(answered),
        "errors": dict(Counter(record.error for record in records if record.error is not None).most_common()),
        "duration_s": duration_s,
        "rate_achieved": _rate_achieved(records, plan, duration_s),
        "schedule_delay_s": latency_figures([record.delay_s for record in records]),
        "ttft_s": latency_figures([record.ttft_s for record in answered]),
        "ttft_scheduled_s": latency_figures([record.ttft_scheduled_s for record in answered]),
        "itl_s": latency_figures(
            [seconds for seconds, _ in gaps],
            [tokens for _, tokens in gaps],
            requests=sum(1 for record in answered if record.gaps_s),
        ),
        "tpot_s": latency_figures([record.tpot_s for record in answered]),
        "e2e_s": latency_figures([record.e2e_s for record in answered]),
        "prompt_tokens": _sum(record.prompt_tokens for record in answered),
        "completion_tokens": completion_tokens,
        "output_tokens_per_s": None if completion_tokens is None else _per_second(completion_tokens, duration_s),
        "requests_per_s": _per_second(len(answered), duration_s),
        "goodput_per_s": goodput,
    }


def is_good(record: RequestRecord, objective: Mapping[str, float]) -> bool:
    """True for a request that keeps every objective. One that is an error keeps none; of an answer of a single token
    there is no time between tokens, and so none that is too long.
    """
    if record.error is not None:
        return False
    values = {name: getattr(record, f"{name}_s") for name in objective}
    return all(value is None or value <= objective[name] for name, value in values.items())


def percentile_notes(found: Mapping[str, Any]) -> list[str]:
    """Note which percentiles are left out, and how many requests they need."""
    answered = found["completed"]
    missing = [each for each in PERCENTILES if 0 < answered < values_needed(each)]
    if not missing:
        return []
    names = ", ".join(f"p{each} ({values_needed(each)})" for each in missing)
    return [
        f"{answered} answers do not support {names}: it takes so many requests until the largest is above the "
        f"percentile with {CONFIDENCE_LEVEL:.0%} confidence. Send more."
    ]


def _rate_achieved(records: Sequence[RequestRecord], plan: LoadPlan, duration_s: float) -> float | None:
    """Requests begun for each second in which they were."""
    was_cut = any(record.error == "unfinished" for record in records)
    begun_s = max((record.sent_s for record in records), default=0.0)
    if plan.concurrency is not None:
        begun_s = duration_s
    elif plan.seconds is not None and plan.requests is None and not was_cut:
        begun_s = plan.seconds
    return _per_second(len(records), begun_s) or None


def _per_second(number: float, seconds: float) -> float:
    return number / seconds if seconds > 0 else 0.0


def _sum(values: Any) -> int | None:
    """The sum of counts; None where one of them is missing, or there is none."""
    counts = list(values)
    return None if not counts or None in counts else sum(counts)
