"""A plan that can't be carried out is refused with what to give instead; arrivals have the law that is said."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.errors import UsageError
from harness.stages.inference.load.plan import (
    LoadPlan,
    TracedRequest,
    arrival_times,
    mean_rate,
    worker_ends,
    worker_starts,
)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": 0}, "rate = 0 sends nothing"),
        ({"rate": -1.0}, "rate = -1.0 sends nothing"),
        ({"rate": math.nan}, "rate = nan sends nothing"),
        ({"rate": math.inf}, "rate = inf sends nothing"),
        ({"concurrency": 0}, "concurrency = 0 sends nothing"),
        ({}, "none is given"),
        ({"rate": 1.0, "concurrency": 1}, "rate and concurrency are given"),
        ({"rate": 1.0, "trace": (TracedRequest(0.0),)}, "rate and trace are given"),
        ({"rate": 1.0, "burstiness": 0.0}, "burstiness = 0.0"),
        ({"concurrency": 2, "burstiness": 0.5}, "burstiness = 0.5 is of the gaps between arrivals at a rate"),
        ({"trace": (TracedRequest(0.0),), "burstiness": 2.0}, "burstiness = 2.0 is of the gaps between arrivals"),
        ({"rate": 1.0, "ramp": 2.0}, "ramp needs seconds"),
        ({"rate": 1.0, "ramp": 0.0, "seconds": 1.0}, "ramp = 0.0 ends at nothing"),
        ({"trace": (TracedRequest(0.0),), "ramp": 2.0, "seconds": 1.0}, "a trace has its own"),
        ({"rate": 1.0, "seconds": 0.0}, "seconds = 0.0 is no time"),
        ({"rate": 1.0, "requests": 0}, "requests = 0 is too small"),
        ({"rate": 1.0, "output_tokens": 0}, "output_tokens = 0 is too small"),
        ({"rate": 1.0, "warm_up": -1}, "warm_up = -1 is too small"),
        ({"rate": 1e6, "seconds": 1e6}, "more than one run may have"),
        ({"rate": 1.0, "prompt_tokens": 99_999_999_999}, "prompt_tokens = 99,999,999,999 is more than a run may have"),
        ({"trace": (TracedRequest(0.0, 10**11),)}, "prompt_tokens = 100,000,000,000 is more"),
        ({"rate": 1.0, "warm_up": 10**11}, "warm_up = 100,000,000,000 is more"),
        ({"concurrency": 10**11}, "concurrency = 100,000,000,000 is more"),
        ({"concurrency": 1, "ramp": 1e11, "seconds": 1.0}, "concurrency = 100,000,000,000 is more"),
        ({"rate": 1.0, "objective": {"tftt": 1.0}}, "Did you mean 'ttft'?"),
        ({"rate": 1.0, "objective": {"ttft": 0.0}}, "names nothing that a request could keep"),
        ({"rate": 1.0, "accept": frozenset({"cahce"})}, "Did you mean 'cache'?"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        LoadPlan(**given)
    assert said in str(caught.value)


def test_without_a_bound_300_requests_are_begun() -> None:
    assert LoadPlan(rate=1.0).most_requests() == 300


def test_a_closed_loop_with_a_time_limit_has_ample_prompts() -> None:
    assert LoadPlan(concurrency=4, seconds=10.0).most_requests() == 2_000
    assert LoadPlan(concurrency=100, seconds=60.0).most_requests() == 20_000
    assert LoadPlan(concurrency=4, seconds=10.0, requests=7).most_requests() == 7


def times(plan: LoadPlan, seed: int = 0) -> np.ndarray:
    found = arrival_times(plan, np.random.default_rng(seed))
    assert found is not None
    return np.array(found)


def test_gaps_of_a_poisson_process_are_exponential() -> None:
    gaps = np.diff(times(LoadPlan(rate=20.0, requests=20_000)), prepend=0.0)
    assert stats.kstest(gaps, stats.expon(scale=1 / 20).cdf).pvalue > 0.01


@pytest.mark.parametrize("shape", [0.3, 4.0])
def test_gaps_follow_the_gamma_distribution_of_the_burstiness(shape: float) -> None:
    gaps = np.diff(times(LoadPlan(rate=5.0, burstiness=shape, requests=20_000)), prepend=0.0)
    assert stats.kstest(gaps, stats.gamma(shape, scale=1 / (5.0 * shape)).cdf).pvalue > 0.01
    assert abs(gaps.mean() - 0.2) < 5 * gaps.std() / np.sqrt(len(gaps))


def test_how_many_arrive_in_a_time_is_as_random_as_poisson_says() -> None:
    """Arrivals that are scaled to a total would always be equally many."""
    counts = np.array([len(times(LoadPlan(rate=10.0, seconds=10.0), seed)) for seed in range(1000)])
    assert abs(counts.mean() - 100) < 4 * 10 / np.sqrt(1000)
    assert 0.8 < counts.var() / 100 < 1.2


@pytest.mark.parametrize(("rate", "ramp"), [(2.0, 30.0), (30.0, 2.0)])
def test_a_ramp_changes_the_rate_evenly(rate: float, ramp: float) -> None:
    """In the time in which the rate is 1, arrivals are evenly spread: their places in it are uniform."""
    found = times(LoadPlan(rate=rate, ramp=ramp, seconds=1000.0))
    slope = (ramp - rate) / 1000
    expected = (rate + ramp) / 2 * 1000
    assert abs(len(found) - expected) < 4 * np.sqrt(expected)
    places = (rate * found + slope * found**2 / 2) / expected
    assert stats.kstest(places, "uniform").pvalue > 0.01
    assert found.max() < 1000


def test_the_same_seed_gives_the_same_arrivals_and_another_one_others() -> None:
    plan = LoadPlan(rate=3.0, requests=50)
    assert times(plan, 1).tolist() == times(plan, 1).tolist()
    assert times(plan, 1).tolist() != times(plan, 2).tolist()


def test_requests_and_seconds_bound_what_arrives() -> None:
    assert len(times(LoadPlan(rate=100.0, seconds=100.0, requests=7))) == 7
    assert times(LoadPlan(rate=1.0, seconds=5.0, requests=1000)).max() < 5.0
    assert (np.diff(times(LoadPlan(rate=50.0, requests=5_000))) >= 0).all()


def test_a_trace_arrives_as_it_did() -> None:
    trace = tuple(TracedRequest(at_s) for at_s in (0.5, 1.0, 4.0))
    assert times(LoadPlan(trace=trace)).tolist() == [0.5, 1.0, 4.0]
    assert times(LoadPlan(trace=trace, seconds=2.0)).tolist() == [0.5, 1.0]
    assert times(LoadPlan(trace=trace, requests=1)).tolist() == [0.5]
    assert mean_rate(LoadPlan(trace=trace), [0.5, 1.0, 4.0]) == 0.75


def test_a_closed_loop_plans_no_arrivals() -> None:
    plan = LoadPlan(concurrency=3)
    assert arrival_times(plan, np.random.default_rng(0)) is None
    assert mean_rate(plan, []) is None
    assert worker_starts(plan) == [0.0, 0.0, 0.0]
    assert worker_ends(plan) == [None, None, None]


def test_a_ramp_of_a_closed_loop_adds_or_takes_away_one_at_a_time() -> None:
    assert worker_starts(LoadPlan(concurrency=1, ramp=3, seconds=9.0)) == [0.0, 3.0, 6.0]
    assert worker_ends(LoadPlan(concurrency=3, ramp=1, seconds=9.0)) == [3.0, 6.0, None]
    assert mean_rate(LoadPlan(rate=2.0, ramp=4.0, seconds=1.0), []) == 3.0


def test_a_ramp_that_its_requests_end_has_the_rate_that_it_got_to() -> None:
    plan = LoadPlan(rate=1.0, ramp=8.0, seconds=120.0, requests=100)
    drawn = times(plan)
    assert mean_rate(plan, drawn.tolist()) == 100 / drawn[-1] < 3
    assert mean_rate(replace(plan, requests=100_000), times(replace(plan, requests=100_000)).tolist()) == 4.5
