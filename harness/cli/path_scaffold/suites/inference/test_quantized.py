"""Stage 5: rounded weights beside those that they were rounded from."""

import pytest

from harness import Measure


@pytest.mark.evaluation(
    cases="data/held-out.jsonl",
    samples=1,
    threshold=0.1,
    margin=0.1,
    requirement="Non-functional: rounding to 8 bits changes hardly a word.",
)
async def test_rounding(model, reference, case) -> Measure:
    return (await reference.compare(await model.prompt_logprobs(case.text, top=100))).kl
