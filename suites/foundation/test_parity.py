import pytest

import harness

LIMIT = 0.01
"""Nats a token. In bfloat16 vLLM is at 0.001; with 10,000 for SmolLM2's base of rotation, 100,000, it is at 0.06."""
ROUNDED_LIMIT = 0.1
"""Rounding to eight bits moves it by 0.05, and the other suites say what that costs."""


# The margin lets a version come to twice its limit: still a third of what the wrong base does.
@pytest.mark.evaluation(
    cases="evals/foundation/prose/documents.jsonl",
    samples=1,
    threshold=1.0,
    margin=1.0,
    requirement="Non-functional: the engine foresees each token as the weights do, within 0.02 nats (rounded: 0.2).",
)
async def test_parity(model: harness.Model, reference: harness.Reference, case: harness.Case) -> harness.Measure:
    foreseen = await model.prompt_logprobs(case.text, top=100)
    apart = (await reference.compare(foreseen)).kl
    limit = ROUNDED_LIMIT if reference.is_rounded else LIMIT
    reason = f"{apart.value:.3g} nats a token, of {limit}; {apart.reason}"
    return harness.Measure(apart.value / limit, "limits", higher_is_better=False, reason=reason)
