"""Answers from passages, judged: faithful to these, and to the point. Runs where a judge is named: `--judge VERSION`.

What this says is worth what the judge is worth, which suites/evaluation/test_judge.py measures. The model that ships is
none, and so the judge of the settings is not asked.
"""

import pytest
from deepeval.metrics import AnswerRelevancyMetric, FaithfulnessMetric

QUERIES = "evals/customization/handbook/queries/cases.jsonl"
LENGTH = 32


@pytest.fixture
def named(request):
    """Skips an evaluation where the command line names no judge."""
    if request.config.getoption("--judge") is None:
        pytest.skip("name a judge that is worth it: --judge VERSION")


@pytest.mark.usefixtures("named")
@pytest.mark.evaluation(
    cases=QUERIES,
    samples=1,
    threshold=0.8,
    margin=0.1,
    requirement="Business: an answer says nothing that the passages do not.",
)
async def test_faithful(model, retriever, judge, case):
    answer = await model.ask(case.prompt, max_tokens=LENGTH)
    passages = [find.text for find in retriever.search(case.prompt)]
    return await judge.measure(
        FaithfulnessMetric, input=case.prompt, output=answer, context=passages, include_reason=False
    )


@pytest.mark.usefixtures("named")
@pytest.mark.evaluation(
    cases=QUERIES,
    samples=1,
    threshold=0.8,
    margin=0.1,
    requirement="Business: an answer is to the question, and not to another.",
)
async def test_relevant(model, retriever, judge, case):
    answer = await model.ask(case.prompt, max_tokens=LENGTH)
    return await judge.measure(AnswerRelevancyMetric, input=case.prompt, output=answer, include_reason=False)
