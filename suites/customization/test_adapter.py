import pytest

import harness

CASES = "evals/customization/support/cases.jsonl"
EXACT = 0.00001


def answered(weights: harness.Weights, case: harness.Case) -> str:
    """The whole chat of a case, as the weights' template writes it."""
    return weights.chat([{"role": "user", "content": case.prompt}, {"role": "assistant", "content": case.expected}])


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    cluster=False,
    threshold=1.0,
    margin=EXACT,
    requirement="Non-functional: an adapter does something; one that does nothing is called a no-op.",
)
def test_no_op(adapter: harness.Adapter, weights: harness.Weights, case: harness.Case) -> harness.Score:
    found = adapter.effect(answered(weights, case))
    return harness.Score(float(not found.is_noop and not found.left_out), str(found))


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    cluster=False,
    threshold=1.0,
    margin=EXACT,
    requirement="Non-functional: no case that gates an adapter is in what it was trained on, by id or by words.",
)
def test_held_out(adapter: harness.Adapter, case: harness.Case) -> harness.Score:
    found = adapter.contamination(CASES)[case.id]
    if case.id in adapter.trained_ids:
        return harness.Score(0.0, f"a line of the training file has the id {case.id!r}")
    if found.state == "too short":
        pytest.skip("has too few words to be known again")
    return harness.Score(float(not found.is_contaminated), str(found))


# An engine that leaves the adapter out is as far from the weights with it as the base is: 1.


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    threshold=0.1,
    margin=0.1,
    requirement="Non-functional: the engine applies the adapter as peft does.",
)
async def test_served(
    model: harness.Model,
    reference: harness.Reference,
    adapter: harness.Adapter,
    weights: harness.Weights,
    case: harness.Case,
) -> harness.Measure:
    text = answered(weights, case)
    far = adapter.effect(text).kl
    near = (await reference.compare(await model.prompt_logprobs(text, top=100))).kl
    # What a body gives back of a text is cut at what can't be: a no-op is test_no_op's to find.
    share = min(near.value / far, 2.0) if far > 0 else 2.0
    return harness.Measure(share, "of the adapter's effect", higher_is_better=False, at_most=2.0)
