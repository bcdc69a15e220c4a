import pytest
from deepeval.metrics import FaithfulnessMetric


@pytest.mark.evaluation(
    cases="evals/evaluation/rag/cases.jsonl",
    samples=1,
    requirement="Business: answers from passages say nothing that the passages contradict.",
)
async def test_faithful(model, case, judge):
    """What this says is worth what the judge is worth, which test_judge.py measures."""
    answer = await model.ask("\n".join([*case.passages, case.prompt, "Answer in one short sentence."]), max_tokens=64)
    return await judge.measure(
        FaithfulnessMetric, input=case.prompt, output=answer, context=case.passages, include_reason=False
    )
