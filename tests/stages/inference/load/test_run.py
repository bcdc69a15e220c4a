"""A whole load against servers on the loopback."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.errors import EngineError
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt
from harness.stages.inference.load.rows import latencies
from harness.stages.inference.load.run import LoadProgress, run_load
from tests.loopback.faults import Fault
from tests.loopback.law import law_server
from tests.loopback.server import Options
from tests.loopback.thread import Loopback
from tests.processes import descendants, is_running
from tests.stages.inference.load.addresses import address_at
from tests.waiting import wait_until

pytestmark = pytest.mark.service

# A machine that runs tests is never quiet.
NOISY = frozenset({"machine", "steal", "schedule", "client"})


@contextmanager
def loopback(**options: object) -> Iterator[Loopback]:
    server = Loopback(Options(**options))  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.nightly
def test_what_is_measured_is_what_the_law_of_the_server_is() -> None:
    """Every percentile within the binomial bounds of the true quantile, the mean within 1 % of what was drawn."""
    number, median_s, sigma = 1000, 0.4, 0.5
    with law_server(median_s=median_s, sigma=sigma, itl_s=0.02, tokens=12) as server:
        plan = LoadPlan(rate=120.0, requests=number, warm_up=0, output_tokens=12, prompt_tokens=8, accept=NOISY)
        result = run_load(plan, address_at(server.base_url))
        drawn = np.array(server.drawn())
    assert result.valid, result.invalid_reasons
    assert (result.completed, result.errors) == (number, {})
    ttfts = np.sort([latencies(row)["ttft"] for row in result.rows])
    for percentile in (50, 90, 95, 99):
        share = percentile / 100
        low, high = stats.binom.ppf([0.0005, 0.9995], number, share).astype(int)
        truth = median_s * math.exp(sigma * stats.norm.ppf(share))
        assert ttfts[low - 1] <= truth <= ttfts[min(high, number - 1)], percentile
        assert getattr(result.ttft_s, f"p{percentile}") == ttfts[math.ceil(share * number) - 1]
    # How late both sides wake up on a busy machine is no part of the law: three wake-ups lie between the two clocks.
    late_s = 3 * (result.schedule_delay_s.mean or 0)
    assert result.ttft_s.mean == pytest.approx(drawn[:, 1].mean(), abs=0.01 * drawn[:, 1].mean() + late_s)
    assert result.itl_s.mean == pytest.approx(0.02, rel=0.01)
    assert result.tpot_s.mean == pytest.approx(0.02, rel=0.01)
    assert result.completion_tokens == 12 * number
    assert result.output_tokens_per_s == pytest.approx(12 * number / result.duration_s)


def test_requests_do_not_wait_for_answers() -> None:
    seen: list[LoadProgress] = []
    with law_server(median_s=1.0, sigma=0.0, itl_s=0.0, tokens=1) as server:
        plan = LoadPlan(rate=40.0, requests=30, warm_up=0, accept=NOISY)
        result = run_load(plan, address_at(server.base_url), progress=seen.append)
    assert (seen[0].phase, seen[-1].phase, seen[-1].planned) == ("warming up", "measuring", 30)
    assert result.completed == 30
    flying = [sum(one.sent_s <= other.sent_s < one.done_s for one in result.rows) for other in result.rows]
    assert max(flying) >= 15
    assert result.ttft_scheduled_s.mean == pytest.approx(
        (result.ttft_s.mean or 0) + (result.schedule_delay_s.mean or 0)
    )


def test_a_closed_loop_has_so_many_in_flight_and_ends_with_its_time() -> None:
    with law_server(median_s=0.05, sigma=0.0, itl_s=0.0, tokens=1) as server:
        result = run_load(LoadPlan(concurrency=3, seconds=1.0, warm_up=0, accept=NOISY), address_at(server.base_url))
    flying = [sum(one.sent_s <= other.sent_s < one.done_s for one in result.rows) for other in result.rows]
    assert max(flying) == 3
    assert max(row.scheduled_s for row in result.rows) < 1.0
    assert result.rate_planned is None
    assert 3 < result.requests <= 60


def test_equal_plans_send_equal_prompts_at_equal_times() -> None:
    with loopback() as server:
        plan = LoadPlan(rate=200.0, requests=20, warm_up=2, accept=NOISY)
        first, second = (run_load(plan, address_at(server.base_url)) for _ in range(2))
    bodies = [body["messages"][0]["content"] for body in server.received]
    assert sorted(bodies[:22]) == sorted(bodies[22:])
    assert len(set(bodies[:22])) == 22  # those of the warm-up are none of those that are measured
    scheduled = [[row.scheduled_s for row in result.rows] for result in (first, second)]
    assert scheduled[0] == pytest.approx(scheduled[1])


def test_errors_are_counted_by_kind_and_have_no_latency() -> None:
    faults = (Fault("500", asked="five"), Fault("drop", asked="drop"), Fault("truncated", asked="trunc"))
    prompts = tuple(PlannedPrompt(text) for text in ("good", "five", "drop", "trunc"))
    with loopback(faults=faults) as server:
        plan = LoadPlan(rate=100.0, requests=40, prompts=prompts, accept=NOISY)
        result = run_load(plan, address_at(server.base_url))
    assert result.completed == 10
    assert result.errors == {"http_500": 10, "connection": 10, "broken_off": 10}
    assert result.ttft_s.n == result.e2e_s.n == 10
    assert all((row.error is None) == bool(row.chunks) for row in result.rows)
    assert any(note.startswith("30 of 40 requests are errors") for note in result.notes)


@pytest.mark.nightly
def test_a_request_that_takes_too_long_is_an_error() -> None:
    with loopback(faults=(Fault("hang", asked="hang"),)) as server:
        prompts = (PlannedPrompt("good"), PlannedPrompt("hang"))
        plan = LoadPlan(concurrency=2, requests=4, prompts=prompts, timeout_s=2.0, accept=NOISY)
        result = run_load(plan, address_at(server.base_url))
    assert (result.completed, result.errors) == (2, {"timeout": 2})


def test_where_one_answer_does_not_tell_its_tokens_they_are_left_out() -> None:
    prompts = tuple(PlannedPrompt(text) for text in ("good", "good", "silent"))
    with loopback(uncounted="silent") as server:
        result = run_load(LoadPlan(rate=100.0, requests=5, prompts=prompts, accept=NOISY), address_at(server.base_url))
    assert result.valid
    assert (result.completed, result.completion_tokens, result.output_tokens_per_s) == (5, None, None)
    assert any(note.startswith("1 of 5 answers do not tell their tokens (usage)") for note in result.notes)


def test_a_server_that_wants_another_field_for_the_limit_gets_it() -> None:
    with loopback(wants_completion_tokens=True) as server:
        result = run_load(LoadPlan(rate=100.0, requests=5, accept=NOISY), address_at(server.base_url))
    assert result.completed == 5
    assert server.received[-1]["max_completion_tokens"] == 64


def test_a_server_that_refuses_the_warm_up_is_told_before_any_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_TEST_KEY", "wrong-and-secret")
    with loopback(api_key="right") as server:
        address = address_at(server.base_url, engine_options={"api_key_env": "STEELYARD_TEST_KEY"})
        with pytest.raises(EngineError) as caught:
            run_load(LoadPlan(rate=100.0, requests=50), address)
    assert "(http_401): wrong key: Bearer ***" in str(caught.value)
    assert len(server.received) == 4


def test_an_address_without_the_version_of_the_api_is_told_so() -> None:
    with loopback() as server:
        root = server.base_url.removesuffix("/v1")
        with pytest.raises(EngineError) as caught:
            run_load(LoadPlan(rate=100.0, requests=5), address_at(root))
    assert f"base_url {root} probably lacks /v1, as in {root}/v1. " in str(caught.value)


def test_what_the_server_counts_makes_a_run_invalid_unless_it_is_accepted() -> None:
    plan = LoadPlan(rate=100.0, requests=20, output_tokens=4, accept=NOISY)
    law = {"counters": True, "median_s": 0.1, "sigma": 0.0, "tokens": 4, "preemptions": 1}
    with law_server(**law, hits=0.5, extra_tokens=2) as server:
        address = address_at(server.base_url, model="law")
        result = run_load(plan, address)
        accepted = run_load(replace(plan, cached=True, accept=NOISY | {"preemptions", "tokens"}), address)
    assert (result.valid, result.by_server) == (False, False), "somebody else was served, too"
    assert [reason.split()[0] for reason in result.invalid_reasons] == ["A", "The", "The"]
    assert "Or accept it: --accept preemptions" in result.invalid_reasons[1]
    assert (accepted.valid, accepted.by_server) == (True, False)
    assert sum(note.startswith("Accepted: ") for note in accepted.notes) >= 2
    assert (result.server["requests"], result.server["ttft_mean_s"]) == (20, pytest.approx(0.1))
    with law_server(**law) as server:
        result = run_load(plan, address_at(server.base_url, model="law"))
    assert (result.valid, result.by_server) == (False, True)


@pytest.mark.parametrize("how", [{"rate": 4.0}, {"concurrency": 1}])
def test_a_server_that_ends_before_the_last_few_requests_is_told(how: dict[str, Any]) -> None:
    with law_server(median_s=0.3, itl_s=0.0, tokens=1) as server:

        def end_it(state: LoadProgress) -> None:
            if state.completed:
                server.process.kill()

        plan = LoadPlan(**how, requests=12, warm_up=0, accept=NOISY)
        result = run_load(plan, address_at(server.base_url), progress=end_it)
    assert (result.valid, result.by_server) == (False, True)
    assert "The server ended in the middle" in result.invalid_reasons[0]


def test_connections_that_are_lost_to_a_server_that_is_there_are_errors_alone() -> None:
    with loopback(faults=(Fault("drop", first=3),)) as server:
        plan = LoadPlan(rate=50.0, requests=20, warm_up=0, accept=NOISY)
        result = run_load(plan, address_at(server.base_url))
    assert (result.valid, result.errors) == (True, {"connection": 3})


@pytest.mark.nightly
@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGTERM"])
def test_the_generator_ends_with_whoever_started_it(signal_name: str, tmp_path: Path) -> None:
    code = """
import sys, tempfile
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.rows import latencies
from harness.stages.inference.load.run import run_load
from tests.stages.inference.load.addresses import address_at
tempfile.tempdir = sys.argv[2]
plan = LoadPlan(rate=1.0, requests=1000, warm_up=0)
run_load(plan, address_at(sys.argv[1]), progress=lambda state: state.sent and print("sent", flush=True))
"""
    with law_server(median_s=0.02, itl_s=0.0, tokens=1) as server:
        command = [sys.executable, "-c", code, server.base_url, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "sent\n"
            (generator,) = descendants(process.pid)
            process.kill() if signal_name == "SIGKILL" else process.terminate()
        wait_until(lambda: not is_running(generator))
