import pytest

from harness.scoring import last_number


@pytest.mark.evaluation(
    cases="evals/foundation/arithmetic/cases.jsonl",
    samples=10,
    threshold=0.5,
    requirement="Business: sums with small numbers come out right more often than not.",
)
async def test_arithmetic(model, case):
    answer = await model.chat([*case.examples, {"role": "user", "content": case.prompt}])
    assert last_number(answer.text) == case.expected
