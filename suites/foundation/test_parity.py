import pytest

import harness

# Wide, for rounding to eight bits moves it by 0.04, and the other suites say what that costs. An engine that reads
# weights wrongly is further away.


@pytest.mark.evaluation(
    cases="evals/foundation/prose/documents.jsonl",
    samples=1,
    threshold=0.1,
    margin=0.1,
    requirement="Non-functional: the engine foresees each token as the weights do, within 0.2 nats.",
)
async def test_parity(model: harness.Model, reference: harness.Reference, case: harness.Case) -> harness.Measure:
    foreseen = await model.prompt_logprobs(case.text, top=100)
    return (await reference.compare(foreseen)).kl
