import pytest

from harness import checks


@pytest.mark.evaluation(
    cases="evals/foundation/vocabulary/few.jsonl",
    margin=0.1,
    requirement="Business: the language tutor gives the right opposite, plural or past tense.",
)
async def test_vocabulary(model, case):
    answer = await model.chat([*case.examples, {"role": "user", "content": case.prompt}])
    return checks.contains(answer.text, case.expected)
