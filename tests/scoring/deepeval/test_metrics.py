"""What a body may name as a metric, and what is refused with the way out."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from deepeval import metrics as library
from deepeval.metrics import DAGMetric, DeepAcyclicGraph, FaithfulnessMetric, GEval
from deepeval.metrics.dag import BinaryJudgementNode, NonBinaryJudgementNode
from deepeval.metrics.g_eval import Rubric
from deepeval.test_case import MultiTurnParams, SingleTurnParams

from harness.errors import CheckError
from harness.scoring.deepeval import the_judge
from harness.scoring.deepeval.judge_model import JudgeModel
from harness.scoring.deepeval.metrics import make_metric, required_fields

pytestmark = pytest.mark.service

OUTPUT = [SingleTurnParams.ACTUAL_OUTPUT]
STEPS = {"name": "Dates", "evaluation_steps": ["Check the year."], "evaluation_params": OUTPUT}

TURNS = {"evaluation_params": [MultiTurnParams.CONTENT, MultiTurnParams.ROLE]}


@pytest.fixture
def judge() -> JudgeModel:
    return the_judge()


def test_a_metric_is_named_given_as_a_class_made_by_a_function_or_copied(judge: JudgeModel) -> None:
    kept = FaithfulnessMetric(penalize_ambiguous_claims=True, model=the_judge())
    given: list[Any] = [
        "FaithfulnessMetric",
        FaithfulnessMetric,
        functools.partial(FaithfulnessMetric, include_reason=True),
        lambda model: FaithfulnessMetric(model=model),
        kept,
    ]
    made = [make_metric(metric, {}, judge) for metric in given]
    assert {type(metric) for metric in made} == {FaithfulnessMetric}
    assert all(metric.model is judge for metric in made)
    assert made[-1] is not kept
    assert made[-1].penalize_ambiguous_claims


def test_options_go_to_the_class(judge: JudgeModel) -> None:
    assert make_metric(FaithfulnessMetric, {"include_reason": False}, judge).include_reason is False


def test_a_model_of_its_own_gives_way_to_the_judge(judge: JudgeModel) -> None:
    other = the_judge()
    made = make_metric(GEval(**STEPS, model=other), {}, judge)
    assert made.model is judge
    assert made.evaluation_model == "the judge"


class NoMetric:
    pass


class Unmade(library.BaseMetric):
    def __init__(self, way: str) -> None:
        self._way = way

    async def a_measure(self, test_case: Any) -> float:
        return 1.0


class NeverWaits(library.BaseMetric):
    def measure(self, test_case: Any) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("FaithfulMetric", {}, "No metric named 'FaithfulMetric'. Metrics: .* Did you mean 'FaithfulnessMetric'"),
        (NoMetric, {}, "NoMetric is no metric of deepeval; give a class such as FaithfulnessMetric, its name"),
        (7, {}, "7 is no metric of deepeval"),
        (lambda model: 7, {}, "7 is no metric of deepeval"),
        ("DeepAcyclicGraph", {}, "DeepAcyclicGraph is no metric"),
        (
            "ConversationalGEval",
            {"name": "Tone", **TURNS, "criteria": "Kind?"},
            "'Tone' has no evaluation_steps: its j",
        ),
        ("ConversationalGEval", {"name": "Tone", "evaluation_steps": ["Kind?"]}, "'Tone' has no evaluation_params, so"),
        ("ConversationalJevEval", {}, "asks a model of its own instead of the judge; use ConversationalGEval"),
        ("TranscriptionAccuracyMetric", {}, "judges what is heard, and judge.measure judges text"),
        ("MCPTaskCompletionMetric", {}, "judges calls of MCP servers; use ToolUseMetric"),
        ("ArenaGEval", {}, "ArenaGEval compares answers.*use judge.prefer"),
        ("JevEval", {}, "asks a model of its own instead of the judge; use GEval"),
        ("ImageCoherenceMetric", {}, "judges images"),
        ("TaskCompletionMetric", {}, "judges the trace of an agent"),
        (GEval, {**STEPS, "evaluation_params": None}, "judges the trace of an agent.*give it evaluation_params"),
        (NeverWaits, {}, "NeverWaits has no a_measure"),
        (FaithfulnessMetric, {"model": "gpt"}, "the judge is its model; leave out model="),
        (FaithfulnessMetric, {"eval_mode": "hybrid"}, "asks a model other than the judge"),
        (
            FaithfulnessMetric,
            {"include_reasons": False},
            r"No option named 'include_reasons'\..* Did you mean",
        ),
        (functools.partial(GEval), {}, "GEval: missing a required argument: 'name'"),
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
    assert {"FaithfulnessMetric", "GEval", "ToolCorrectnessMetric", "ConversationalDAGMetric"} <= set(listed)
    assert not {
        "VoiceConsistencyMetric",
        "BaseConversationalMetric",
        "ArenaGEval",
        "BaseMetric",
        "Verdict",
        "TextToImageMetric",
    } & set(listed)


def test_a_metric_that_is_made_takes_no_options(judge: JudgeModel) -> None:
    with pytest.raises(CheckError, match="FaithfulnessMetric is made already, and takes no include_reason any more"):
        make_metric(FaithfulnessMetric(model=the_judge()), {"include_reason": False}, judge)


def test_a_metric_that_can_not_be_copied_is_refused(judge: JudgeModel) -> None:
    with pytest.raises(CheckError, match=r"This Unmade can't be copied.*give judge.measure a function that makes it"):
        make_metric(Unmade("a"), {}, judge)


def test_g_eval_without_steps_is_refused_since_it_would_write_new_ones_each_time(judge: JudgeModel) -> None:
    with pytest.raises(CheckError, match=r"GEval 'Dates' has no evaluation_steps: .*Write them down once"):
        make_metric(GEval, {"name": "Dates", "criteria": "Is the year right?", "evaluation_params": OUTPUT}, judge)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "Tone", "criteria": "Polite?", "evaluation_params": OUTPUT},
        {"name": "Tone", "criteria": "Polite?", "evaluation_steps": ["Look."], "evaluation_params": OUTPUT},
        {**STEPS, "strict_mode": True},
        {**STEPS, "rubric": [Rubric(score_range=(0, 5), expected_outcome="bad")]},
    ],
)
def test_a_graph_with_a_g_eval_whose_rule_deepeval_would_change_is_refused(judge: JudgeModel, options: Any) -> None:
    node = BinaryJudgementNode("Polite?", evaluation_params=OUTPUT)
    node.add_verdict(True, then=GEval(**options, model=the_judge()))
    node.add_verdict(False, score=0)
    with pytest.raises(CheckError, match=r"has no evaluation_steps|asks a GEval in it without its rubric"):
        make_metric(DAGMetric, {"name": "Tone", "dag": DeepAcyclicGraph([node])}, judge)


def test_the_options_of_a_choice_are_named_in_the_authors_order(judge: JudgeModel) -> None:
    """deepeval names them in the order of a set, which differs from process to process, and with it the question."""
    words = [f"option {number}" for number in range(12)]
    node = NonBinaryJudgementNode("Which?", evaluation_params=OUTPUT)
    for score, word in enumerate(words):
        node.add_verdict(word, score=score % 11)
    made = make_metric(DAGMetric, {"name": "Which", "dag": DeepAcyclicGraph([node])}, judge)
    copied = made.dag.root_nodes[0]
    assert copied._verdict_options == words
    assert copied._verdict_schema.model_json_schema()["properties"]["verdict"]["enum"] == words


@pytest.mark.parametrize(
    ("metric", "options", "fields"),
    [
        ("FaithfulnessMetric", {}, ["input", "actual_output", "retrieval_context"]),
        ("HallucinationMetric", {}, ["input", "actual_output", "context"]),
        (GEval, STEPS, ["actual_output"]),
        (type("Own", (NeverWaits,), {"a_measure": Unmade.a_measure}), {}, []),
    ],
)
def test_a_metric_tells_what_it_needs(judge: JudgeModel, metric: Any, options: Any, fields: list[str]) -> None:
    assert required_fields(make_metric(metric, options, judge)) == fields
