"""A run that can't be trusted says why, with figures and the way out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.stages.inference.load.figures import LoadResult, doubts, figures
from harness.stages.inference.load.plan import DOUBTS, LoadPlan
from harness.stages.inference.load.rows import Row
from tests.stages.inference.load.rows import row

PLAN = LoadPlan(rate=1.0)
CORES = os.cpu_count() or 1
SERVER = {
    "requests": 300.0,
    "prompt_tokens": 3000.0,
    "completion_tokens": 1200.0,
    "preemptions": 0.0,
    "cache_queries": 3000.0,
    "cache_hits": 0.0,
}


def measured(late_s: float = 0.001, number: int = 300, rows: Sequence[Row] = (), **fields: Any) -> LoadResult:
    """A run as it must be, but for some of its fields."""
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "asked_tokens": 4}
    found = rows or [row(index, sent_s=index + late_s, **usage) for index in range(number)]
    given = {"client_cpu": 0.1, "server": SERVER, "others_cpu": 0.0, "steal": 0.0, **fields}
    return replace(figures(found, PLAN), **given)


HITS = measured(server={**SERVER, "cache_hits": 1500.0})


def test_a_run_as_it_must_be_raises_no_doubt() -> None:
    assert doubts(measured(), PLAN) == []
    assert doubts(HITS, LoadPlan(rate=1.0, cached=True)) == [], "hits that are meant"


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("client", measured(client_cpu=0.93), "used 93% of a core, more than 80%"),
        ("schedule", measured(late_s=0.0134), "1 in 100 requests was begun at least 13.4 ms later than planned, more"),
        ("schedule", measured(late_s=0.02, number=10, server={}), "A request was begun 20.0 ms later"),
        ("cache", HITS, "answered 50% of the prompts' tokens"),
        ("preemptions", measured(server={**SERVER, "preemptions": 3.0}), "put off 3 requests"),
        ("tokens", measured(server={**SERVER, "completion_tokens": 1207.0}), "usage counts 1,200 completion tokens"),
        ("tokens", measured(server={**SERVER, "prompt_tokens": 3100.0}), "the server's own counter 3,100"),
        ("steal", measured(steal=0.07), "The host took 7.0% of this machine's time"),
        ("machine", measured(others_cpu=0.45 * CORES), f"kept {0.45 * CORES:.1f} of {CORES} cores busy"),
    ],
)
def test_each_reason_not_to_trust_a_run_is_told_by_its_name(name: str, changed: LoadResult, said: str) -> None:
    (doubt,) = doubts(changed, PLAN)
    assert doubt.name == name
    assert name in DOUBTS
    assert said in doubt.reason


def test_answers_of_another_length_than_asked_for_are_a_doubt() -> None:
    whole = measured()
    (doubt,) = doubts(replace(whole, rows=tuple(each._replace(asked_tokens=64) for each in whole.rows)), PLAN)
    assert doubt.name == "tokens"
    assert "300 answers have another number of tokens than was asked for (4 in place of 64)" in doubt.reason
    assert doubt.by_server


def test_what_the_server_did_for_others_is_not_its_own_doing() -> None:
    """One request of somebody else made a block invalid until `--fresh`."""
    for changed, by_server in (({"prompt_tokens": 3100.0}, False), ({"preemptions": 3.0}, True)):
        (doubt,) = doubts(measured(server={**SERVER, **changed}), PLAN)
        assert doubt.by_server == by_server


def test_a_cache_that_only_the_usage_tells_of_is_one() -> None:
    whole = measured(server={})
    (doubt,) = doubts(replace(whole, rows=tuple(each._replace(cached_tokens=5) for each in whole.rows)), PLAN)
    assert doubt.name == "cache"
    assert "(1,500 of 3,000)" in doubt.reason


def test_with_errors_the_counters_need_not_agree() -> None:
    """What was computed for a request that then failed is in the server's counters and in no usage."""
    rows = [*measured().rows, row(300, ttft_s=None, error="timeout")]
    assert doubts(measured(rows=rows, server={**SERVER, "completion_tokens": 9999.0}), PLAN) == []


def worthless(changed: LoadResult, **facts: bool) -> list[tuple[str, bool]]:
    return [(doubt.reason, doubt.by_server) for doubt in doubts(changed, PLAN, **facts) if not doubt.name]


def test_a_server_that_ended_is_told_whatever_was_answered() -> None:
    ((reason, by_server),) = worthless(measured(), is_reachable=False)
    assert "ended in the middle" in reason
    assert "300 of 300 requests were answered" in reason
    assert by_server


def test_a_run_without_an_answer_says_what_the_server_said() -> None:
    refused = measured(rows=[row(0, ttft_s=None, error="http_400", message="too long")])
    assert worthless(refused) == [("None of 1 requests was answered (http_400 1). The server said: too long.", True)]
    ((reason, by_server),) = worthless(measured(interrupted=True))
    assert (reason[:19], by_server) == ("The run was ended b", False)
