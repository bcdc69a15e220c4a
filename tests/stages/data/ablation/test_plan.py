from __future__ import annotations

import pytest

from harness.errors import CorpusError
from harness.stages.data.ablation.plan import AblationPlan


def test_tokens_are_whole_steps() -> None:
    plan = AblationPlan(tokens=1300)
    assert (plan.step_tokens, plan.steps, plan.trained_tokens) == (512, 2, 1024)


def test_the_rate_rises_and_falls() -> None:
    plan = AblationPlan(tokens=1000 * 512)
    rates = [plan.rate(step) for step in range(plan.steps)]
    assert max(rates) == plan.learning_rate == rates[99]
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[-1] == pytest.approx(plan.learning_rate / 10, rel=0.01)


def test_a_plan_comes_back_from_its_message() -> None:
    plan = AblationPlan(tokens=4096, most_epochs=2.5, layers=1)
    assert AblationPlan.from_json(plan.as_json()) == plan


def test_less_than_a_step_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"tokens = 100 is less than one step .* 512 .* write 512 or more"):
        AblationPlan(tokens=100)


def test_less_than_once_through_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"most_epochs = 0.5 is less than 1"):
        AblationPlan(most_epochs=0.5)
