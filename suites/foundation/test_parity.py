import pytest

import harness


@pytest.mark.evaluation(
    cases="evals/foundation/prose/documents.jsonl",
    samples=1,
    threshold=0.1,
    margin=0.1,
    requirement="Non-functional: the engine foresees each token as the weights do, to 0.1 nats.",
)
async def test_parity(model: harness.Model, reference: harness.Reference, case: harness.Case) -> harness.Measure:
    foreseen = await model.prompt_logprobs(case.text, top=100)
    return (await reference.compare(foreseen)).kl
