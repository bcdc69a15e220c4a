"""A body is given what production answered to what it asks, and nothing else."""

import pytest

from harness.gate.traffic.scoring import answer_in
from harness.gate.traffic.traces import ProductionSample
from harness.records import Request

TURNS = [("system", "Be kind."), ("user", "Hi?"), ("assistant", "Hello."), ("user", "When?"), ("assistant", "Soon.")]
SAMPLE = ProductionSample("a", 1.0, tuple({"role": role, "content": text} for role, text in TURNS), "", {})


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ([("user", "When?")], "Soon."),
        ([("system", "Another."), ("user", "When?")], "Soon."),
        ([("user", "Hi?")], "Hello."),
        (TURNS[1:4], "Soon."),
        ([("user", "Hi?"), ("assistant", "Hey."), ("user", "When?")], None),
        ([("user", "Why?")], None),
    ],
)
def test_the_answer_is_the_one_to_the_turns_that_are_asked(asked, answer):
    request = Request(messages=tuple({"role": role, "content": text} for role, text in asked))
    known = answer_in(SAMPLE, request)
    assert (None if known is None else known["content"]) == answer


def test_what_is_weighed_or_completed_is_in_no_trace():
    for kind in ("completion", "rolling"):
        assert answer_in(SAMPLE, Request(kind=kind, prompt="When?")) is None
