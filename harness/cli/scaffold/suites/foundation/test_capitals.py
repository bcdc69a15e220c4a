"""Does the model know the capitals? Change the cases, the body and the numbers to what your users need."""

import pytest


@pytest.mark.evaluation(
    cases="evals/foundation/capitals/cases.jsonl",
    samples=5,
    threshold=0.9,
    margin=0.1,
    requirement="Whoever asks for a country's capital gets its name",
)
async def test_capitals(model, case):
    assert case.expected in await model.ask(case.prompt)
