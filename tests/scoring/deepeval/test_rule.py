"""Two scores are of one kind where the metric asks the same."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from deepeval.metrics import FaithfulnessMetric, GEval
from deepeval.test_case import SingleTurnParams

from harness.scoring.deepeval import the_judge
from harness.scoring.deepeval.metrics import make_metric
from harness.scoring.deepeval.rule import rule_of

STEPS: dict[str, Any] = {
    "name": "Dates",
    "evaluation_steps": ["Check the year."],
    "evaluation_params": [SingleTurnParams.ACTUAL_OUTPUT],
}
PRINT_RULE = """
from deepeval.metrics import DAGMetric, DeepAcyclicGraph, FaithfulnessMetric
from deepeval.metrics.dag import NonBinaryJudgementNode
from deepeval.test_case import SingleTurnParams
from harness.scoring.deepeval import the_judge
from harness.scoring.deepeval.metrics import make_metric
from harness.scoring.deepeval.rule import rule_of

node = NonBinaryJudgementNode("Which?", evaluation_params=[SingleTurnParams.INPUT])
for word in "abcdefgh":
    node.add_verdict(word, score=3)
node.add_verdict("i", then=FaithfulnessMetric(model=the_judge()))
print(rule_of(make_metric(DAGMetric, {"name": "Which", "dag": DeepAcyclicGraph([node])}, the_judge())))
"""


def rule(metric: Any, **options: Any) -> str:
    return rule_of(make_metric(metric, options, the_judge()))


def test_equal_metrics_have_one_rule() -> None:
    assert rule(GEval, **STEPS) == rule(GEval(**STEPS, model=the_judge()))
    assert rule(FaithfulnessMetric, threshold=0.9) == rule("FaithfulnessMetric")


@pytest.mark.parametrize(
    "changed",
    [{"evaluation_steps": ["Check the day."]}, {"evaluation_params": [SingleTurnParams.INPUT]}, {"strict_mode": True}],
)
def test_another_question_is_another_rule(changed: dict[str, Any]) -> None:
    assert rule(GEval, **STEPS) != rule(GEval, **{**STEPS, **changed})


def test_a_rule_is_the_same_in_every_process() -> None:
    rules = {
        subprocess.run(
            [sys.executable, "-c", PRINT_RULE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(rules) == 1
    assert rules.pop().startswith("Which-")
