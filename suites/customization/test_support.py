import pytest

import harness
from harness import checks

CASES = "evals/customization/support/cases.jsonl"


@pytest.mark.evaluation(
    cases=CASES,
    samples=5,
    requirement="Business: a customer's message goes to the queue that can answer it.",
)
async def test_support(model: harness.Model, case: harness.Case) -> harness.Score:
    return checks.contains(await model.ask(case.prompt), case.expected)


# The loss elsewhere is what suites/foundation weighs, in the same gate.


@pytest.mark.evaluation(
    cases=CASES,
    samples=5,
    threshold=0.4,
    margin=0.1,
    requirement="Business: what a version was trained for, it does much better than its base.",
)
async def test_gain(
    model: harness.Model, base: harness.Model, adapter: harness.Adapter, case: harness.Case
) -> harness.Measure:
    """Takes `adapter`, for it is about versions that have one, and of these about what `base` is without."""
    if "adapter" not in model.steps[len(base.steps) :]:
        raise harness.NotInLineageError(model.name, "adapter as its last customization", f"one, or weigh {base.name}")
    own, before = [checks.contains(await each.ask(case.prompt), case.expected) for each in (model, base)]
    return harness.Measure(own.value - before.value, "share", at_least=-1.0, at_most=1.0)
