import asyncio

import pytest
from deepeval.metrics import FaithfulnessMetric

CASES = "evals/evaluation/rag/cases.jsonl"


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    requirement="Business: answers from passages say nothing that the passages contradict.",
)
async def test_faithful(model, case, judge):
    """What this says is worth what the judge is worth, which the next evaluation measures."""
    answer = await model.ask("\n".join([*case.passages, case.prompt, "Answer in one short sentence."]), max_tokens=64)
    return await judge.measure(
        FaithfulnessMetric, input=case.prompt, output=answer, context=case.passages, include_reason=False
    )


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    threshold=0.8,
    design="fixed",
    requirement="Non-functional: the judge tells a faithful answer from one that contradicts its passages.",
)
async def test_the_judge_tells_faithful_from_unfaithful(case, judge):
    """1 where the faithful answer scores more than the unfaithful one, 0 where it scores less; a coin gets 0.5."""
    faithful, unfaithful = await asyncio.gather(
        *(
            judge.measure(
                FaithfulnessMetric, input=case.prompt, output=answer, context=case.passages, include_reason=False
            )
            for answer in (case.faithful, case.unfaithful)
        )
    )
    if faithful.value == unfaithful.value:
        return 0.5
    return faithful.value > unfaithful.value
