"""Stage 3: the adapter does something, and knows no question beforehand."""

import pytest

from harness import Score

QUESTIONS = "data/questions.jsonl"


@pytest.mark.evaluation(
    cases=[{"id": f"q{n}", "prompt": text} for n, text in enumerate(("When are films due?", "What does a card cost?"))],
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: an adapter that is paid for does something.",
)
def test_effect(adapter, case):
    effect = adapter.effect(case.prompt)
    return Score(float(not effect.is_noop), str(effect))


@pytest.mark.evaluation(
    cases=QUESTIONS,
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: no question of a gate is in what was learned.",
)
def test_held_out(adapter, case):
    leak = adapter.contamination(QUESTIONS)[case.id]
    return Score(float(not leak.is_contaminated), str(leak))
