"""A plan that can't be carried out is refused with what to give instead; arrivals have the law that is said."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.errors import UsageError
from harness.stages.inference.load.plan import LoadPlan, arrival_times


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": 0}, "rate = 0 sends nothing"),
        ({"rate": math.nan}, "rate = nan sends nothing"),
        ({"concurrency": 0}, "concurrency = 0 sends nothing"),
        ({}, "none is given"),
        ({"rate": 1.0, "concurrency": 1}, "both are given"),
        ({"rate": 1.0, "seconds": 0.0}, "seconds = 0.0 is no time"),
        ({"rate": 1.0, "requests": 0}, "requests = 0 is too small"),
        ({"rate": 1.0, "output_tokens": 0}, "output_tokens = 0 is too small"),
        ({"rate": 1.0, "warm_up": -1}, "warm_up = -1 is too small"),
        ({"rate": 1e6, "seconds": 1e6}, "more than one run may have"),
        ({"rate": 1.0, "objective": {"tftt": 1.0}}, "Did you mean 'ttft'?"),
        ({"rate": 1.0, "objective": {"ttft": 0.0}}, "names nothing that a request could keep"),
        ({"rate": 1.0, "accept": frozenset({"cahce"})}, "Did you mean 'cache'?"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        LoadPlan(**given)
    assert said in str(caught.value)


def test_what_has_no_number_of_requests_has_an_ample_one() -> None:
    assert LoadPlan(rate=1.0).most_requests() == 300
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


def test_how_many_arrive_in_a_time_is_as_random_as_poisson_says() -> None:
    """Arrivals that are scaled to a total would always be equally many."""
    counts = np.array([len(times(LoadPlan(rate=10.0, seconds=10.0), seed)) for seed in range(1000)])
    assert abs(counts.mean() - 100) < 4 * 10 / np.sqrt(1000)
    assert 0.8 < counts.var() / 100 < 1.2


def test_requests_and_seconds_bound_what_arrives() -> None:
    assert len(times(LoadPlan(rate=100.0, seconds=100.0, requests=7))) == 7
    assert times(LoadPlan(rate=1.0, seconds=5.0, requests=1000)).max() < 5.0
    assert (np.diff(times(LoadPlan(rate=50.0, requests=5_000))) >= 0).all()
    assert arrival_times(LoadPlan(concurrency=3), np.random.default_rng(0)) is None
