"""Does the application say what its users need? Change the questions, the body and the margin to what yours do."""

import pytest


@pytest.mark.evaluation(cases="evals/questions.jsonl", samples=5, margin=0.10)
async def test_answers(model, case):
    answer = await model.ask(case.prompt)
    assert case.expected, "expected is empty: write into evals/questions.jsonl what a right answer holds"
    assert case.expected in answer
