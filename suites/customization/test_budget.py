"""What a budget of context saves, and what it costs: `--candidate smollm2-budget --baseline smollm2-handbook`.

Both take `retriever`: of what is asked here only passages are long enough to be cut, and a version without any can't be
held to the tokens that they take.
"""

import pytest

from harness import Measure, checks

QUERIES = "evals/customization/handbook/queries/cases.jsonl"
LENGTH = 32


async def answered(model, case):
    return await model.chat(case.prompt, max_tokens=LENGTH)


@pytest.mark.evaluation(
    cases=QUERIES,
    samples=4,
    margin=0.1,
    requirement="Business: who is told less of the handbook is still told what was asked for.",
)
async def test_answers(model, retriever, case):
    return checks.contains((await answered(model, case)).text, case.expected)


@pytest.mark.evaluation(
    cases=QUERIES,
    samples=1,
    design="fixed",
    margin="5 %",
    requirement="Non-functional: a question costs no more tokens than before.",
)
async def test_tokens(model, retriever, case):
    """Weighed by its median, so that one long passage decides nothing."""
    spent = (await answered(model, case)).prompt_tokens
    return Measure(spent, "tokens", higher_is_better=False, statistic="median")
