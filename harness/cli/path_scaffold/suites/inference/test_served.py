"""Stage 6: what a reader gets, and how fast."""

import pytest

from harness import checks

# On a virtual machine the host takes time now and then (`steal`), from both releases alike.
BLOCKS = {"blocks": 10, "seconds": 2, "concurrency": 2, "prompt_tokens": 64, "output_tokens": 16, "accept": ["steal"]}


@pytest.mark.evaluation(
    cases="data/questions.jsonl",
    samples=10,
    margin=0.15,
    requirement="Business: who asks is told what the handbook says, and briefly.",
)
async def test_answers(model, case):
    answer = await model.ask(case.prompt)
    return {"right": checks.contains(answer, case.expected), "brief": float(len(answer.split()) <= 8)}


@pytest.mark.evaluation(load=BLOCKS, margin="30 %", requirement="Non-functional: a machine serves as many as before.")
def test_throughput(load):
    return load.throughput


@pytest.mark.evaluation(load=BLOCKS, margin="30 %", requirement="Non-functional: words flow no slower than before.")
def test_between_tokens(load):
    return load.itl
