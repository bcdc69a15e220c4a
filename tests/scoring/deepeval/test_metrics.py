"""What a body may name as a metric, and what is refused with the way out."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from deepeval import metrics as library
from deepeval.metrics import FaithfulnessMetric, GEval
from deepeval.test_case import MultiTurnParams, SingleTurnParams

from harness.errors import CheckError
from harness.scoring.deepeval.judge_model import JudgeModel
from harness.scoring.deepeval.metrics import make_metric, required_fields
from tests.scoring.deepeval.conftest import NOBODY

pytestmark = pytest.mark.service

OUTPUT = [SingleTurnParams.ACTUAL_OUTPUT]
STEPS = {"name": "Dates", "evaluation_steps": ["Check the year."], "evaluation_params": OUTPUT}

TURNS = {"evaluation_params": [MultiTurnParams.CONTENT, MultiTurnParams.ROLE]}


@pytest.fixture
def judge() -> JudgeModel:
    return NOBODY


def test_a_metric_is_named_given_as_a_class_or_made_by_a_function(judge: JudgeModel) -> None:
    given: list[Any] = [
        "FaithfulnessMetric",
        FaithfulnessMetric,
        functools.partial(FaithfulnessMetric, include_reason=True),
        lambda model: FaithfulnessMetric(model=model),
    ]
    made = [make_metric(metric, {}, judge) for metric in given]
    assert {type(metric) for metric in made} == {FaithfulnessMetric}
    assert all(metric.model is judge for metric in made)


class NoMetric:
    pass


class Own(library.BaseMetric):
    async def a_measure(self, test_case: Any) -> float:
        return 1.0


class NeverWaits(library.BaseMetric):
    def measure(self, test_case: Any) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("FaithfulMetric", {}, "No metric named 'FaithfulMetric'. Metrics: .* Did you mean 'FaithfulnessMetric'"),
        (
            NoMetric,
            {},
            "NoMetric is no metric of one answer or one conversation in text that the judge could be asked for: give",
        ),
        (7, {}, "7 is no metric of one answer"),
        (lambda model: 7, {}, "int is no metric of one answer"),
        ("DAGMetric", {}, "DAGMetric is no metric of one answer"),
        (FaithfulnessMetric(model=NOBODY), {}, "FaithfulnessMetric object at .* is no metric of one answer"),
        (
            "ConversationalGEval",
            {"name": "Tone", **TURNS, "criteria": "Kind?"},
            "'Tone' has no evaluation_steps: its j",
        ),
        ("ConversationalGEval", {"name": "Tone", "evaluation_steps": ["Kind?"]}, "'Tone' has no evaluation_params, so"),
        ("TranscriptionAccuracyMetric", {}, "TranscriptionAccuracyMetric is no metric of one answer"),
        ("MCPTaskCompletionMetric", {}, "MCPTaskCompletionMetric is no metric of one answer"),
        ("ArenaGEval", {}, "ArenaGEval is no metric of one answer"),
        ("JevEval", {}, "JevEval is no metric of one answer"),
        ("ImageCoherenceMetric", {}, "ImageCoherenceMetric is no metric of one answer"),
        ("TaskCompletionMetric", {}, "judges the trace of an agent"),
        (GEval, {**STEPS, "evaluation_params": None}, "judges the trace of an agent.*give it evaluation_params"),
        (NeverWaits, {}, "NeverWaits has no a_measure"),
        (FaithfulnessMetric, {"model": "gpt"}, "the judge is its model; leave out model="),
        (FaithfulnessMetric, {"eval_mode": "hybrid"}, "the judge is its model; leave out eval_mode="),
        (
            FaithfulnessMetric,
            {"include_reasons": False},
            r"FaithfulnessMetric can't be made: .* unexpected keyword argument 'include_reasons'",
        ),
        (functools.partial(GEval), {}, "GEval can't be made: .* missing 1 required positional argument: 'name'"),
        ("RoleViolationMetric", {}, "RoleViolationMetric can't be made: Role parameter is required"),
    ],
)
def test_what_can_not_judge_an_answer_is_refused(judge: JudgeModel, metric: Any, options: Any, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        make_metric(metric, options, judge)


def test_a_list_of_metrics_holds_those_that_can_be_used(judge: JudgeModel) -> None:
    with pytest.raises(CheckError) as refusal:
        make_metric("Faithful", {}, judge)
    listed = str(refusal.value).partition("Metrics: ")[2].partition(". Did")[0].split(", ")
    assert {"FaithfulnessMetric", "GEval", "ToolCorrectnessMetric", "ConversationalGEval"} <= set(listed)
    assert not {
        "VoiceConsistencyMetric",
        "BaseConversationalMetric",
        "ArenaGEval",
        "DAGMetric",
        "BaseMetric",
        "Verdict",
        "TextToImageMetric",
    } & set(listed)


@pytest.mark.parametrize(
    ("metric", "options", "fields"),
    [
        ("FaithfulnessMetric", {}, ["input", "actual_output", "retrieval_context"]),
        ("HallucinationMetric", {}, ["input", "actual_output", "context"]),
        (GEval, STEPS, ["actual_output"]),
        (Own, {}, []),
    ],
)
def test_a_metric_tells_what_it_needs(judge: JudgeModel, metric: Any, options: Any, fields: list[str]) -> None:
    assert required_fields(make_metric(metric, options, judge)) == fields
