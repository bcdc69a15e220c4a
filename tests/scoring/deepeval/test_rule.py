"""Two scores are of one kind where the metric asks the same."""

from __future__ import annotations

from typing import Any

import pytest
from deepeval.metrics import FaithfulnessMetric, GEval
from deepeval.test_case import SingleTurnParams

from harness.scoring.deepeval.metrics import make_metric, rule_of
from tests.other_hashes import elsewhere
from tests.scoring.deepeval.conftest import NOBODY

pytestmark = pytest.mark.service

STEPS: dict[str, Any] = {
    "name": "Dates",
    "evaluation_steps": ["Check the year."],
    "evaluation_params": [SingleTurnParams.ACTUAL_OUTPUT],
}


def rule(metric: Any, **options: Any) -> str:
    return rule_of(make_metric(metric, options, NOBODY))


def test_equal_metrics_have_one_rule() -> None:
    assert rule(GEval, **STEPS) == rule(lambda model: GEval(**STEPS, model=model))
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
    (there,) = elsewhere("from tests.scoring.deepeval.test_rule import STEPS, GEval, rule; print(rule(GEval, **STEPS))")
    assert there == rule(GEval, **STEPS)
    assert there.startswith("Dates-")
