"""A plan that can't be carried out is refused with what to give instead."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.errors import UsageError
from harness.stages.inference.load.plan import LoadPlan, TracedRequest


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
        ({"rate": 1.0, "ramp": 2.0}, "ramp needs seconds"),
        ({"rate": 1.0, "ramp": 0.0, "seconds": 1.0}, "ramp = 0.0 ends at nothing"),
        ({"trace": (TracedRequest(0.0),), "ramp": 2.0, "seconds": 1.0}, "a trace has its own"),
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


def test_without_a_bound_300_requests_are_begun() -> None:
    assert LoadPlan(rate=1.0).most_requests() == 300


def test_a_closed_loop_with_a_time_limit_has_ample_prompts() -> None:
    assert LoadPlan(concurrency=4, seconds=10.0).most_requests() == 2_000
    assert LoadPlan(concurrency=100, seconds=60.0).most_requests() == 20_000
    assert LoadPlan(concurrency=4, seconds=10.0, requests=7).most_requests() == 7
