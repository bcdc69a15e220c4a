import pytest

from harness import checks


@pytest.mark.evaluation(
    cases="evals/foundation/arithmetic/few.jsonl",
    margin=0.1,
    threshold=0.5,
    requirement="Business: sums with small numbers come out right more often than not.",
)
async def test_arithmetic(model, case):
    answer = await model.chat([*case.examples, {"role": "user", "content": case.prompt}])
    return checks.numeric(answer.text, case.expected)
