"""What a student must have of its teacher: vocabulary and template, by content; and what it must have less of."""

import pytest


@pytest.mark.evaluation(
    cases="evals/distillation/form/cases.jsonl",
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: a student takes its teacher's place without any change of what is asked.",
)
def test_form(distillation, case):
    if case.of == "template":
        assert distillation.same_template, "the chat templates differ"
    else:
        other = distillation.other_tokens
        assert not other, f"{len(other)} tokens differ: {other[0]}"


@pytest.mark.evaluation(
    cases="evals/distillation/costs/cases.jsonl",
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: a student costs less than its teacher.",
)
def test_costs(distillation, case):
    ratio = distillation.ratios[case.of]
    assert ratio < case.below, f"{ratio:.3f} of the teacher's {case.of}"
