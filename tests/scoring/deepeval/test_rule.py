"""Two scores are of one kind where the metric asks the same."""

from __future__ import annotations

from typing import Any

import pytest
from deepeval.metrics import DAGMetric, DeepAcyclicGraph, FaithfulnessMetric, GEval
from deepeval.metrics.dag import NonBinaryJudgementNode
from deepeval.test_case import SingleTurnParams

from harness.scoring.deepeval import the_judge
from harness.scoring.deepeval.metrics import make_metric
from harness.scoring.deepeval.rule import rule_of
from tests.other_hashes import elsewhere

pytestmark = pytest.mark.service

STEPS: dict[str, Any] = {
    "name": "Dates",
    "evaluation_steps": ["Check the year."],
    "evaluation_params": [SingleTurnParams.ACTUAL_OUTPUT],
}


def rule(metric: Any, **options: Any) -> str:
    return rule_of(make_metric(metric, options, the_judge()))


def rule_of_a_graph() -> str:
    """The rule of a metric whose parts are kept in sets."""
    node = NonBinaryJudgementNode("Which?", evaluation_params=[SingleTurnParams.INPUT])
    for word in "abcdefgh":
        node.add_verdict(word, score=3)
    node.add_verdict("i", then=FaithfulnessMetric(model=the_judge()))
    return rule(DAGMetric, name="Which", dag=DeepAcyclicGraph([node]))


def test_equal_metrics_have_one_rule() -> None:
    assert rule(GEval, **STEPS) == rule(GEval(**STEPS, model=the_judge()))
    assert rule(FaithfulnessMetric, threshold=0.9) == rule("FaithfulnessMetric")


@pytest.mark.parametrize(
    "changed",
    [{"evaluation_steps": ["Check the day."]}, {"evaluation_params": [SingleTurnParams.INPUT]}, {"strict_mode": True}],
)
def test_another_question_is_another_rule(changed: dict[str, Any]) -> None:
    assert rule(GEval, **STEPS) != rule(GEval, **{**STEPS, **changed})


@pytest.mark.nightly
def test_a_rule_is_the_same_in_every_process() -> None:
    """Here, and in one whose hashes are others."""
    code = "from tests.scoring.deepeval.test_rule import rule_of_a_graph; print(rule_of_a_graph())"
    (there,) = elsewhere(code)
    assert there == rule_of_a_graph()
    assert there.startswith("Which-")
