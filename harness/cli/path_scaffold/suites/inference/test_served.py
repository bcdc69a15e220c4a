"""Stage 6: what a reader gets, and how fast."""

import pytest

from harness import checks

BLOCKS = {"blocks": 8, "seconds": 2, "concurrency": 2, "prompt_tokens": 64, "output_tokens": 16}


@pytest.mark.evaluation(
    cases="data/questions.jsonl",
    samples=2,
    margin=0.1,
    requirement="Business: who asks is told what the handbook says.",
)
async def test_answers(model, case):
    return checks.contains(await model.ask(case.prompt), case.expected)


@pytest.mark.evaluation(
    cases="data/questions.jsonl",
    samples=2,
    margin=0.1,
    requirement="Business: an answer is brief.",
)
async def test_brief(model, case):
    assert len((await model.ask(case.prompt)).split()) <= 8


@pytest.mark.evaluation(load=BLOCKS, margin="30 %", requirement="Non-functional: a machine serves as many as before.")
def test_throughput(load):
    return load.throughput


@pytest.mark.evaluation(load=BLOCKS, margin="30 %", requirement="Non-functional: words flow no slower than before.")
def test_between_tokens(load):
    return load.itl
