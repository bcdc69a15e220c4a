import pytest

from harness import checks


@pytest.mark.evaluation(
    cases="evals/foundation/format/few.jsonl",
    margin=0.1,
    requirement="Non-functional: a program can read the answer, because it has the form asked for and nothing else.",
)
async def test_format(model, case):
    answer = await model.chat([*case.examples, {"role": "user", "content": case.prompt}])
    return checks.exact(answer.text.strip(), case.expected)
