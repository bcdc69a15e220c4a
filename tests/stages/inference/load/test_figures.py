"""The figures of known records."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stages.inference.load.figures import figures, is_good, latency_figures, notes
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.rows import latencies
from tests.stages.inference.load.rows import row


def test_a_percentile_is_a_value_that_was_measured() -> None:
    found = latency_figures([float(value) for value in range(1, 301)])
    assert (found.p50, found.p90, found.p95, found.p99, found.max) == (150.0, 270.0, 285.0, 297.0, 300.0)
    assert (found.mean, found.n) == (150.5, 300)


@pytest.mark.parametrize(("number", "percentile"), [(5, "p50"), (29, "p90"), (59, "p95"), (299, "p99")])
def test_a_percentile_that_so_few_requests_do_not_support_is_left_out(number: int, percentile: str) -> None:
    assert getattr(latency_figures([1.0] * number), percentile) == 1.0
    assert getattr(latency_figures([1.0] * (number - 1)), percentile) is None


def test_values_of_one_request_support_no_more_than_the_request_does() -> None:
    found = latency_figures([0.1] * 1000, [1.0] * 1000, requests=30)
    assert (found.n, found.p90, found.p95, found.p99) == (1000, 0.1, None, None)


def test_weights_count_tokens() -> None:
    values, weights = [1.0, 2.0, 3.0], [1.0, 6.0, 3.0]
    found = latency_figures(values, weights, requests=1000)
    assert found.mean == pytest.approx(np.average(values, weights=weights))
    assert (found.p50, found.p90, found.n) == (2.0, 3.0, 10)


def test_requests_are_errors_or_answers_and_throughput_is_that_of_the_answers() -> None:
    records = [
        row(0, prompt_tokens=10, completion_tokens=4, gaps_s=((0.2, 3.0),)),
        row(1, error="timeout", ttft_s=None),
        row(2, error="http_429", ttft_s=None),
        row(3, prompt_tokens=20, completion_tokens=6, gaps_s=((0.1, 5.0),), sent_s=3.5, done_s=5.0),
        row(4, error="timeout", ttft_s=None, done_s=10.0),
    ]
    found = figures(records, LoadPlan(rate=1.0, objective={"ttft_scheduled": 0.9}))
    assert found.errors == {"timeout": 2, "http_429": 1}
    assert found.requests == found.completed + sum(found.errors.values()) == 5
    assert (found.duration_s, found.requests_per_s, found.output_tokens_per_s) == (10.0, 0.2, 1.0)
    assert (found.prompt_tokens, found.completion_tokens) == (30, 10)
    assert (found.ttft_s.n, found.e2e_s.n, found.schedule_delay_s.n) == (2, 2, 5)
    assert found.itl_s.mean == pytest.approx((0.2 * 3 + 0.1 * 5) / 8)
    assert found.goodput_per_s == 0.1  # the one that was begun late took 1 s from its schedule
    assert found.rate_achieved == 5 / 4


def test_a_usage_that_is_missing_leaves_tokens_out() -> None:
    found = figures([row(0, completion_tokens=4), row(1)], LoadPlan(rate=1.0))
    assert (found.completion_tokens, found.output_tokens_per_s) == (None, None)
    assert found.requests_per_s > 0


def test_where_no_usage_counts_tokens_nobody_knows_whether_tpot_is_kept() -> None:
    """It was said of all of them, so that an objective that nothing keeps had a goodput of all requests."""
    records, plan = [row(0, gaps_s=((0.25, 3.0),)), row(1, error="timeout", ttft_s=None)], {"tpot": 0.1}
    assert figures(records, LoadPlan(rate=1.0, objective=plan)).goodput_per_s is None
    assert figures(records, LoadPlan(rate=1.0, objective={"itl": 0.3})).goodput_per_s > 0
    counted = [each._replace(completion_tokens=4) for each in records]
    assert figures(counted, LoadPlan(rate=1.0, objective=plan)).goodput_per_s == 0.0
    assert figures(counted, LoadPlan(rate=1.0)).goodput_per_s is None, "there is no objective"


def test_a_good_request_keeps_every_objective() -> None:
    one = row(0, gaps_s=((0.25, 3.0),), completion_tokens=4)
    assert is_good(latencies(one), {"ttft": 0.5, "itl": 0.25, "tpot": 0.25, "e2e": 2.0})
    assert not is_good(latencies(one), {"ttft": 0.5, "itl": 0.24})
    assert not is_good(latencies(one), {"ttft": 0.49})
    assert is_good(latencies(row(0)), {"itl": 0.1})  # one token: nobody waited for a second


def test_what_is_left_out_is_told_with_what_it_needs() -> None:
    rows = [row(index, prompt_tokens=1, completion_tokens=1) for index in range(40)]
    found = figures(rows, LoadPlan(rate=1.0))
    assert notes(found, 40) == [
        "40 answers do not support p95 (59), p99 (299): it takes so many requests until the largest is above the "
        "percentile with 95% confidence. Send more."
    ]
    assert notes(figures(rows[:1] * 299, LoadPlan(rate=1.0)), 299) == []


def test_the_rate_is_that_of_the_time_in_which_requests_are_begun() -> None:
    records = [row(0, sent_s=1.0), row(1, sent_s=2.0), row(2, sent_s=4.0, done_s=20.0)]
    assert figures(records, LoadPlan(rate=0.5, seconds=6.0)).rate_achieved == 0.5
    assert figures(records, LoadPlan(rate=1.0, requests=3)).rate_achieved == 0.75
    assert figures(records, LoadPlan(concurrency=1, requests=3)).rate_achieved == 3 / 20
    cut = [*records, row(3, sent_s=5.0, error="unfinished", ttft_s=None)]
    assert figures(cut, LoadPlan(rate=1.0, seconds=60.0)).rate_achieved == 0.8
