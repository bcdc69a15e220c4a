"""What is known of an answer, as deepeval's metrics want it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deepeval.metrics import (
    ContextualRecallMetric,
    FaithfulnessMetric,
    HallucinationMetric,
    RoleAdherenceMetric,
    ToolCorrectnessMetric,
    TurnContextualRecallMetric,
    TurnRelevancyMetric,
)
from deepeval.test_case import ToolCall

from harness.errors import CheckError
from harness.records import Sample
from harness.scoring.deepeval.cases import Fields, make_case
from harness.scoring.deepeval.metrics import make_metric
from tests.scoring.deepeval.conftest import NOBODY

pytestmark = pytest.mark.service

PASSAGES = ["one", "two"]


def faithful() -> Any:
    return FaithfulnessMetric(model=NOBODY)


@pytest.mark.parametrize(
    ("metric", "fields", "context", "retrieval_context"),
    [
        (FaithfulnessMetric, {"context": PASSAGES}, PASSAGES, PASSAGES),
        (FaithfulnessMetric, {"context": "one"}, ["one"], ["one"]),
        (FaithfulnessMetric, {"context": ["a"], "retrieval_context": PASSAGES}, ["a"], PASSAGES),
        (HallucinationMetric, {"context": PASSAGES}, PASSAGES, None),
    ],
)
def test_passages_go_where_the_metric_looks_for_them(
    metric: Any, fields: Any, context: Any, retrieval_context: Any
) -> None:
    case = make_case(make_metric(metric, {}, NOBODY), Fields(input="?", output="!", **fields))
    assert (case.context, case.retrieval_context) == (context, retrieval_context)


@pytest.mark.parametrize(
    "call",
    [
        "search",
        {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": '{"q": "x"}'}},
        {"function": {"name": "search", "arguments": ""}},
        ToolCall(name="search"),
    ],
)
def test_tools_are_given_by_name_as_the_model_called_them_or_as_deepevals(call: Any) -> None:
    metric = ToolCorrectnessMetric(model=NOBODY)
    case = make_case(metric, Fields(input="?", tools=[call], expected_tools=()))
    assert [tool.name for tool in case.tools_called] == ["search"]
    assert case.expected_tools == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (Fields(input="?"), r"FaithfulnessMetric needs actual_output, retrieval_context: .*output=…, context=…\)"),
        (Fields(input="?", output="!", context=[]), r"needs passages, and context = \[\] holds none"),
        (Fields(input="?", output="!", context=[" "]), "decide in the body what an answer without any is worth"),
        (
            Fields(input="?", output="!", context=7),
            "judge.measure: 'context' must be None or a list",
        ),
        (Fields(input="?", output=b"!", context="c"), r"judge.measure\(output=…\): the answer is no text but bytes"),
        (Fields(input="?", output="!", context="c", tools="t"), "tools = 't' is no list; give names"),
        (Fields(input="?", output="!", context="c", tools=[7]), "judge.measure: 7 is no tool call"),
        (
            Fields(input="?", output="!", context="c", tools=[{"function": {"name": "t", "arguments": "{"}}]),
            "is no tool call",
        ),
    ],
)
def test_fields_that_are_missing_or_no_texts_are_named(fields: Any, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        make_case(faithful(), fields)


def test_what_a_metric_does_not_look_at_may_be_missing() -> None:
    metric = ContextualRecallMetric(model=NOBODY)
    assert make_case(metric, Fields(input="?", expected="!", context="c")).actual_output is None


def test_an_answer_can_not_make_deepeval_open_a_file(tmp_path: Path) -> None:
    """deepeval takes what is written so for an image, whoever wrote it."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    case = make_case(faithful(), Fields(input="?", output=f"[DEEPEVAL:IMAGE:{secret}]", context="c"))
    assert case.multimodal is False


CALLED = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"order": 7}'}}
TURNS = (
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Where is it?"},
    {"role": "assistant", "content": None, "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "c1", "content": "on its way"},
    {"role": "assistant", "content": "On its way."},
    {"role": "user", "content": "And the other?"},
    {"role": "assistant", "content": None, "tool_calls": [{**CALLED, "id": "c2"}]},
)


def conversation(metric: Any, **fields: Any) -> Any:
    return make_case(make_metric(metric, {}, NOBODY), Fields(output=Sample("", messages=TURNS), **fields))


def test_a_transcript_is_its_turns_with_the_tools_that_each_answer_called() -> None:
    case = conversation(TurnRelevancyMetric, scenario="A parcel.", expected="The day.", user_description="Ana.")
    assert [(turn.role, turn.content) for turn in case.turns] == [
        ("user", "Where is it?"),
        ("assistant", "On its way."),
        ("user", "And the other?"),
        ("assistant", ""),
    ]
    (called,) = case.turns[1].tools_called
    assert (called.name, called.input_parameters, called.output) == ("find", {"order": 7}, "on its way")
    assert case.turns[3].tools_called[0].output is None
    assert (case.scenario, case.expected_outcome, case.user_description) == ("A parcel.", "The day.", "Ana.")


def test_passages_go_to_each_answer_of_a_conversation() -> None:
    case = conversation(TurnContextualRecallMetric, context=PASSAGES, expected="The day.")
    assert [turn.retrieval_context for turn in case.turns] == [None, PASSAGES, None, PASSAGES]


def test_what_a_metric_of_conversations_lacks_is_named() -> None:
    with pytest.raises(CheckError, match=r"RoleAdherenceMetric needs chatbot_role: write judge\.measure\(RoleAdh"):
        conversation(RoleAdherenceMetric)
    with pytest.raises(CheckError, match=r"TurnContextualRecallMetric needs expected_outcome.*expected=…"):
        conversation(TurnContextualRecallMetric, context=PASSAGES)
    with pytest.raises(CheckError, match=r"TurnRelevancyMetric judges a conversation: write .*output=transcript"):
        make_case(make_metric(TurnRelevancyMetric, {}, NOBODY), Fields(output="text"))
