"""A student beside its teacher on the tasks of suites/foundation: one evaluation each, so that the worst is named."""

import pytest

from harness import Measure, checks

CHECKS = {
    "arithmetic": checks.numeric,
    "capitals": checks.contains,
    "format": lambda text, expected: checks.exact(text.strip(), expected),
    "vocabulary": checks.contains,
}


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(
            task,
            marks=pytest.mark.evaluation(
                cases=f"evals/foundation/{task}/cases.jsonl",
                samples=4,
                threshold=0.0,
                margin=0.08,
                requirement="Business: whoever is answered by the student in place of its teacher loses nothing by it.",
            ),
        )
        for task in CHECKS
    ],
)
async def test_as_good_as_the_teacher(model, teacher, case, task):
    messages = [*case.examples, {"role": "user", "content": case.prompt}]
    ours, theirs = await model.chat(messages), await teacher.chat(messages)
    own, other = (CHECKS[task](each.text, case.expected) for each in (ours, theirs))
    reason = f"{ours.text!r}, the teacher {theirs.text!r}"
    return Measure(own.value - other.value, "of the answers", at_least=-1.0, at_most=1.0, reason=reason)
