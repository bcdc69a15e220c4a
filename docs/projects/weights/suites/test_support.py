import pytest

from harness import Score, checks

CASES = "evals/support.jsonl"


@pytest.mark.evaluation(cases=CASES)
async def test_queue(model, case):
    return checks.contains(await model.ask(case.prompt), case.expected)


@pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.001)
def test_it_does_something(adapter, case):
    effect = adapter.effect(case.prompt)
    return Score(float(not effect.is_noop), str(effect))


@pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.001)
def test_it_was_not_trained_on_its_cases(adapter, case):
    leak = adapter.contamination(CASES)[case.id]
    return Score(float(not leak.is_contaminated), str(leak))
