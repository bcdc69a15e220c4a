import pytest


@pytest.mark.evaluation(
    cases="evals/inference/repeats/cases.jsonl",
    samples=1,
    design="fixed",
    threshold=0.6,
    margin=0.15,
    requirement="Non-functional: who asks the same again, greedily, is answered the same, whoever else is served.",
)
async def test_repeatable(repeats, case):
    return await repeats.of(case.prompt, max_tokens=32)
