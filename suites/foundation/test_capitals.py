import pytest

from harness import checks


@pytest.mark.evaluation(
    cases="evals/foundation/capitals/few.jsonl",
    margin=0.1,
    requirement="Business: answers to travellers' questions name the right capital.",
)
async def test_capitals(model, case):
    answer = await model.chat([*case.examples, {"role": "user", "content": case.prompt}])
    return checks.contains(answer.text, case.expected)
