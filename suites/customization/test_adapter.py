import pytest

import harness

CASES = "evals/customization/support/cases.jsonl"
EXACT = 0.00001
# peft's own tolerances: where logits of 32 bits are computed otherwise, and where they are not.
PARITY, SAME = 1e-4, 1e-6
# Rounding in 30 layers goes beyond PARITY in one of 60 texts (1.1e-4, taken out again); a fault does so in all.
NEARLY_ALL = 0.9


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
    requirement="Non-functional: an adapter is the same beside the weights, in them, switched off, and loaded again.",
)
def test_same_however_loaded(
    adapter: harness.Adapter, weights: harness.Weights, case: harness.Case
) -> dict[str, harness.Score]:
    found = adapter.effect(answered(weights, case))
    most = {"untrained": SAME, "disabled": SAME, "merged": PARITY, "reloaded": PARITY}
    return {
        name: harness.Score(float(getattr(found, name) <= limit), f"{getattr(found, name):.2g}, at most {limit:g}")
        for name, limit in most.items()
    }


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    cluster=False,
    threshold=NEARLY_ALL,
    margin=0.05,
    requirement="Non-functional: an adapter that is taken out of the weights again leaves them as they were.",
)
def test_taken_out_again(adapter: harness.Adapter, weights: harness.Weights, case: harness.Case) -> harness.Score:
    found = adapter.effect(answered(weights, case))
    return harness.Score(float(found.unmerged <= PARITY), f"{found.unmerged:.2g}, at most {PARITY:g}")


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
