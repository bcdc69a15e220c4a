"""Does the application say what its users need? Change the questions, the body and the margin to what yours do."""

import pytest


@pytest.mark.evaluation(cases="evals/questions.jsonl", samples=5, margin=0.10)
async def test_answers(model, case):
    assert case.expected in await model.ask(case.prompt)
