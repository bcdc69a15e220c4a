"""Each kind of metric of deepeval, measured with a scripted judge, gives deepeval's own score and reason."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from deepeval import metrics as library
from deepeval.metrics import ConversationalGEval, FaithfulnessMetric, GEval
from deepeval.metrics.g_eval import Rubric
from deepeval.test_case import MultiTurnParams, SingleTurnParams
from pydantic import BaseModel

from harness.errors import CapabilityError, CheckError, JudgeError
from harness.models.engine import Capability
from harness.records import Judgement, Sample
from harness.scoring.deepeval.cases import Fields
from tests.scoring.deepeval.conftest import COMPLETE, Judge

pytestmark = pytest.mark.service

Verdicts = Callable[..., list[dict[str, str]]]


class Word(BaseModel):
    word: str


STEPS = {
    "name": "Dates",
    "evaluation_steps": ["Check the year."],
    "evaluation_params": [SingleTurnParams.INPUT, SingleTurnParams.ACTUAL_OUTPUT],
}


@pytest.mark.parametrize(
    ("metric", "items", "words", "expected", "n_requests"),
    [
        ("AnswerRelevancyMetric", "statements", ("yes", "no", "borderline"), 2 / 3, 3),
        ("FaithfulnessMetric", "claims", ("yes", "no", "no", "borderline"), 1 / 2, 4),
        ("ContextualPrecisionMetric", None, ("no", "yes"), 1 / 2, 2),
        ("ContextualRecallMetric", None, ("yes", "no"), 1 / 2, 2),
        ("ContextualRelevancyMetric", None, ("yes", "no"), 1 / 2, 3),
        ("HallucinationMetric", None, ("yes", "no", "no", "no"), 1 / 4, 2),
        ("BiasMetric", "opinions", ("yes", "no"), 1 / 2, 3),
        ("ToxicityMetric", "opinions", ("yes", "yes"), 0.0, 3),
    ],
)
def test_verdicts_become_a_score(
    judge: Judge, verdicts: Verdicts, metric: str, items: str | None, words: Any, expected: float, n_requests: int
) -> None:
    answers = {items: ["one", "two"], "truths": ["t"], "verdicts": verdicts(*words), "reason": "said the judge"}
    score = judge.measure(getattr(library, metric), answers)
    assert score.value == pytest.approx(expected)
    assert score.reason == "said the judge"
    assert len(judge.requests) == n_requests
    assert all(request.schema is not None for request in judge.requests)


def test_a_summary_is_as_good_as_the_worse_of_alignment_and_coverage(judge: Judge, verdicts: Verdicts) -> None:
    answers = {
        "truths": ["t"],
        "claims": ["c"],
        "verdicts": verdicts("yes", "no", "no", "no"),
        "answers": ["yes", "no"],
        "reason": "short",
    }
    score = judge.measure("SummarizationMetric", answers, assessment_questions=["Is it old?", "Is it long?"])
    assert (score.value, score.reason) == (0.25, "short")


def test_tools_are_compared_without_asking_the_judge(judge: Judge) -> None:
    called = {"function": {"name": "search", "arguments": '{"q": "bridge"}'}}
    fields = replace(COMPLETE, tools=[called], expected_tools=["search", "open"])
    assert judge.measure("ToolCorrectnessMetric", fields=fields).value == 0.5
    assert judge.requests == []


@pytest.mark.parametrize(("answer", "expected"), [(0, 0.0), (7, 0.7), (10, 1.0)])
def test_g_eval_gives_its_share_of_the_scale(judge: Judge, answer: int, expected: float) -> None:
    score = judge.measure(GEval, {"reason": "the year is right", "score": answer}, **STEPS)
    assert (score.value, score.reason) == (expected, "the year is right")
    assert len(judge.requests) == 1
    assert judge.requests[0].logprobs == 20


def test_g_eval_holds_the_judge_to_the_scale_of_its_rubric(judge: Judge) -> None:
    rubric = [Rubric(score_range=(1, 2), expected_outcome="bad"), Rubric(score_range=(3, 5), expected_outcome="good")]
    assert judge.measure(GEval, {"reason": "r", "score": 4}, rubric=rubric, **STEPS).value == 0.75
    schema = judge.requests[0].schema
    assert schema is not None
    assert schema["properties"]["score"] == {"type": "integer", "enum": [1, 2, 3, 4, 5]}


def test_g_eval_that_is_strict_gives_all_or_nothing(judge: Judge) -> None:
    assert judge.measure(GEval, {"reason": "r", "score": 1}, strict_mode=True, **STEPS).value == 1.0
    schema = judge.requests[0].schema
    assert schema is not None
    assert schema["properties"]["score"]["enum"] == [0, 1]


def test_a_score_beyond_the_scale_is_an_error_of_the_judge(judge: Judge) -> None:
    """deepeval itself would give 10.0."""
    with pytest.raises(JudgeError, match="asked twice: the score 100 is not on the scale from 0 to 10"):
        judge.measure(GEval, {"reason": "ten out of ten!", "score": 100}, **STEPS)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (7.5, r"Own gave the score 7\.5, which is not in \[0, 1\]"),
        (math.nan, "Own gave the score nan, which is not"),
        (None, "Own, judged by the-judge, gave no score"),
    ],
)
def test_a_metrics_score_that_is_none_is_an_error_of_the_judge(judge: Judge, score: Any, message: str) -> None:
    class Own(library.BaseMetric):
        async def a_measure(self, test_case: Any) -> None:
            self.score = score

    with pytest.raises(JudgeError, match=message):
        judge.measure(Own)


def test_top_logprobs_0_asks_for_none(judge: Judge) -> None:
    score = judge.measure(GEval, {"reason": "r", "score": 7}, top_logprobs=0, **STEPS)
    assert score.value == 0.7
    assert judge.requests[0].logprobs is None
    assert judge.requests[0].schema is not None


def test_an_engines_error_is_not_made_a_score(judge: Judge) -> None:
    with pytest.raises(CapabilityError, match="has no schema"):
        judge.measure(FaithfulnessMetric, without=frozenset({Capability.SCHEMA}))


def test_an_error_of_the_judge_counts_though_the_metric_catches_it(judge: Judge) -> None:
    class Careless(library.BaseMetric):
        def __init__(self, model: Any = None) -> None:
            self.model = model

        async def a_measure(self, test_case: Any) -> float:
            try:
                await self.model.a_generate("?", schema=Word)
            except JudgeError:
                self.score = 1.0
            return 1.0

    with pytest.raises(JudgeError, match="it is no JSON"):
        judge.measure(Careless, '"a text"')


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"claims": "one"}, "no Truths as deepeval wants it, asked twice: truths: Field required"),
        (
            {"claims": ["c"], "truths": ["t"], "verdicts": []},
            "no Verdicts as deepeval wants it, asked twice: it holds no verdict",
        ),
        ("[1]", r"asked twice: it is no JSON: '\[1\]'"),
        ({"claims": ["c"], "truths": ["t"], "verdicts": [{"verdict": "perhaps"}]}, r"verdicts\.0\.verdict: Input"),
    ],
)
def test_an_answer_that_is_no_judgement_is_an_error_of_the_judge(judge: Judge, answers: Any, message: str) -> None:
    with pytest.raises(JudgeError, match=message):
        judge.measure(FaithfulnessMetric, answers)


def test_what_deepeval_can_not_score_is_an_error_of_the_judge_and_a_users_fault_is_not(judge: Judge) -> None:
    class Counting(library.BaseMetric):
        async def a_measure(self, test_case: Any) -> float:
            raise ValueError("Number of verdicts generated does not equal.") from KeyError("verdicts")

    with pytest.raises(ValueError, match=r"^Number of verdicts") as caught:
        judge.measure(Counting)
    assert isinstance(caught.value.__cause__, KeyError)
    Counting.__module__ = "deepeval.metrics.counting"
    with pytest.raises(JudgeError, match=r"Counting, judged by the-judge: Number of verdicts"):
        judge.measure(Counting)


def test_an_empty_answer_scores_0_and_asks_nothing(judge: Judge) -> None:
    score = judge.measure(FaithfulnessMetric, fields=replace(COMPLETE, output=" \n"))
    assert (score.value, score.reason) == (0.0, "the answer is empty, which FaithfulnessMetric does not measure")
    assert judge.requests == []


def test_a_metric_that_looks_at_no_answer_takes_an_empty_one(judge: Judge, verdicts: Verdicts) -> None:
    fields = replace(COMPLETE, output="")
    answers = {"verdicts": verdicts("yes"), "reason": "r"}
    assert judge.measure("ContextualRecallMetric", answers, fields=fields).value == 1.0


def test_what_the_judge_did_is_counted(judge: Judge, verdicts: Verdicts) -> None:
    answers = {"truths": ["t"], "claims": ["c"], "verdicts": verdicts("yes"), "reason": "r"}
    assert judge.measure(FaithfulnessMetric, answers).judgement == Judgement("the-judge", 4, 0, values=(1.0,))
    with pytest.raises(JudgeError):
        judge.measure(FaithfulnessMetric, {**answers, "verdicts": []})
    assert judge.last is not None
    assert judge.last.judgement == Judgement("the-judge", 4, 2, is_complete=False)
    assert judge.last.rule.startswith("FaithfulnessMetric-")


def test_a_judge_has_room_for_its_verdicts_whatever_its_version_says(judge: Judge) -> None:
    for given, expected in ((16, 512), (4096, 4096)):
        judge.measure(GEval, {"reason": "r", "score": 7}, sampling={"max_tokens": given}, **STEPS)
        assert judge.requests[0].sampling["max_tokens"] == expected


def test_deepeval_that_is_not_installed_is_named_with_the_command(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deepeval.metrics", None)
    with pytest.raises(CheckError, match=r'judge.measure needs deepeval: pip install .*\[judges\]"'):
        judge.measure("FaithfulnessMetric")


TALK = Fields(
    output=Sample(
        "It is Friday.",
        messages=(
            {"role": "user", "content": "Where is it?"},
            {"role": "assistant", "content": "On its way."},
            {"role": "user", "content": "Which day?"},
            {"role": "assistant", "content": "It is Friday."},
        ),
    ),
    chatbot_role="A courier.",
)


@pytest.mark.parametrize(
    ("metric", "answers", "expected"),
    [
        ("TurnRelevancyMetric", {"verdict": "yes", "reason": "all is said"}, 1.0),
        ("ConversationCompletenessMetric", {"intentions": ["the day"], "verdict": "no", "reason": "it is open"}, 0.0),
        ("RoleAdherenceMetric", {"verdicts": [{"index": 1, "reason": "rude"}], "reason": "rude"}, 0.5),
    ],
)
def test_a_conversation_is_measured_by_the_metrics_for_one(
    judge: Judge, metric: str, answers: dict[str, Any], expected: float
) -> None:
    measured = judge.measure(metric, answers, fields=TALK)
    assert (measured.value, measured.reason) == (expected, answers["reason"])
    asked = " ".join(str(request.messages[-1]["content"]) for request in judge.requests)
    assert all(turn["content"] in asked for turn in TALK.output.messages)


@pytest.mark.parametrize("options", [{}, {"top_logprobs": 0}])
def test_g_eval_of_a_conversation_holds_the_judge_to_its_scale(judge: Judge, options: dict[str, Any]) -> None:
    seen = {"evaluation_params": [MultiTurnParams.CONTENT, MultiTurnParams.ROLE]}
    tone = {"name": "Tone", "evaluation_steps": ["Check that the assistant is kind."], **seen, **options}
    measured = judge.measure(ConversationalGEval, {"reason": "kind", "score": 7}, fields=TALK, **tone)
    assert (measured.value, measured.reason) == (0.7, "kind")
    schema = judge.requests[0].schema
    assert schema is not None
    assert schema["properties"]["score"]["enum"] == list(range(11))
    with pytest.raises(JudgeError, match="the score 11 is not on the scale"):
        judge.measure(ConversationalGEval, {"reason": "kind", "score": 11}, fields=TALK, **tone)
