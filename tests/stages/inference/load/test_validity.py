"""A run that can't be trusted says why, with figures and the way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.stages.inference.load.figures import figures
from harness.stages.inference.load.machine import MachineUse
from harness.stages.inference.load.plan import DOUBTS, LoadPlan
from harness.stages.inference.load.result import RequestRecord
from harness.stages.inference.load.validity import LoadEvidence, doubts

PLAN = LoadPlan(rate=1.0)
SERVER = {
    "requests": 300.0,
    "prompt_tokens": 3000.0,
    "completion_tokens": 1200.0,
    "preemptions": 0.0,
    "cache_queries": 3000.0,
    "cache_hits": 0.0,
}


def evidence(late_s: float = 0.001, number: int = 300, **fields: Any) -> LoadEvidence:
    records = [
        RequestRecord(
            index,
            float(index),
            index + late_s,
            index + 2.0,
            ttft_s=0.5,
            prompt_tokens=10,
            completion_tokens=4,
            asked_tokens=4,
        )
        for index in range(number)
    ]
    given = {"client_cpu": 0.1, "server": SERVER, "machine": MachineUse(0.0, 0.05, 2), "n_prompts": number, **fields}
    return LoadEvidence(figures(records, PLAN), records, **given)


HITS = evidence(server={**SERVER, "cache_hits": 1500.0})


def test_a_run_as_it_must_be_raises_no_doubt() -> None:
    assert doubts(evidence(), PLAN) == []
    assert doubts(HITS, LoadPlan(rate=1.0, cached=True)) == [], "hits that are meant"


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("client", evidence(client_cpu=0.93), "used 93% of a core, more than 80%"),
        ("schedule", evidence(late_s=0.0134), "begun up to 13.4 ms later than planned, more than 10 ms"),
        ("schedule", evidence(late_s=0.02, number=10, server={}), "A request was begun 20.0 ms later"),
        ("cache", HITS, "answered 50% of the prompts' tokens"),
        ("preemptions", evidence(server={**SERVER, "preemptions": 3.0}), "put off 3 requests"),
        ("tokens", evidence(server={**SERVER, "completion_tokens": 1207.0}), "usage counts 1,200 completion tokens"),
        ("tokens", evidence(server={**SERVER, "prompt_tokens": 3100.0}), "the server's own counter 3,100"),
        ("steal", evidence(machine=MachineUse(0.07, 0.0, 2)), "The host took 7.0% of this machine's time"),
        ("machine", evidence(machine=MachineUse(0.0, 0.9, 2)), "kept 0.9 of 2 cores busy"),
    ],
)
def test_each_reason_not_to_trust_a_run_is_told_by_its_name(name: str, changed: LoadEvidence, said: str) -> None:
    (doubt,) = doubts(changed, PLAN)
    assert doubt.name == name
    assert name in DOUBTS
    assert said in doubt.reason


def test_answers_of_another_length_than_asked_for_are_a_doubt() -> None:
    whole = evidence()
    records = [replace(record, asked_tokens=64) for record in whole.records]
    (doubt,) = doubts(replace(whole, records=records), PLAN)
    assert doubt.name == "tokens"
    assert "300 answers have another number of tokens than was asked for (4 in place of 64)" in doubt.reason
    assert doubt.by_server


def test_what_the_server_did_for_others_is_not_its_own_doing() -> None:
    """One request of somebody else made a block invalid until `--fresh`."""
    for changed, by_server in (({"prompt_tokens": 3100.0}, False), ({"preemptions": 3.0}, True)):
        (doubt,) = doubts(evidence(server={**SERVER, **changed}), PLAN)
        assert doubt.by_server == by_server


def test_a_cache_that_only_the_usage_tells_of_is_one() -> None:
    whole = evidence(server={})
    records = [replace(record, cached_tokens=5) for record in whole.records]
    (doubt,) = doubts(replace(whole, records=records), PLAN)
    assert doubt.name == "cache"
    assert "(1,500 of 3,000)" in doubt.reason


def test_with_errors_the_counters_need_not_agree() -> None:
    """What was computed for a request that then failed is in the server's counters and in no usage."""
    whole = evidence(server={**SERVER, "completion_tokens": 9999.0})
    records = [*whole.records, RequestRecord(300, 300.0, 300.0, 301.0, error="timeout")]
    assert doubts(replace(whole, records=records, found=figures(records, PLAN)), PLAN) == []


def worthless(changed: LoadEvidence) -> list[tuple[str, bool]]:
    return [(doubt.reason, doubt.by_server) for doubt in doubts(changed, PLAN) if not doubt.name]


def test_a_server_that_ended_is_told_whatever_was_answered() -> None:
    ((reason, by_server),) = worthless(evidence(is_reachable=False))
    assert "ended in the middle" in reason
    assert "300 of 300 requests were answered" in reason
    assert by_server


def test_a_run_without_an_answer_says_what_the_server_said() -> None:
    records = [RequestRecord(0, 0.0, 0.0, 1.0, error="http_400", said="too long")]
    whole = replace(evidence(), records=records, found=figures(records, PLAN))
    assert worthless(whole) == [("None of 1 requests was answered (http_400 1). The server said: too long.", True)]
    none = replace(evidence(), records=[], found=figures([], PLAN), is_interrupted=True)
    assert [(reason[:19], by_server) for reason, by_server in worthless(none)] == [
        ("The run was ended b", False),
        ("No request was begu", False),
    ]
