"""Times of arrival, drawn beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from harness.stages.inference.load.plan import LoadPlan

_BLOCK = 1024


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
    if plan.rate is not None:
        return plan.rate if plan.ramp is None else (plan.rate + plan.ramp) / 2
    if plan.trace and times and times[-1] > 0:
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
