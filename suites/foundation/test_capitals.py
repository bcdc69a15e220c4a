import pytest

from harness.scoring import contains_word


@pytest.mark.evaluation(
    cases="evals/foundation/capitals/cases.jsonl",
    samples=10,
    requirement="Business: answers to travellers' questions name the right capital.",
)
async def test_capitals(model, case):
    answer = await model.chat([*case.examples, {"role": "user", "content": case.prompt}])
    assert contains_word(answer.text, case.expected)
