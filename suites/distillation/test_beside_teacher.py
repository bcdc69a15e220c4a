"""A student beside its teacher on the tasks of suites/foundation: one evaluation each, so that the worst is named."""

import pytest

from harness import Measure, checks

AS_GOOD = {
    "samples": 4,
    "threshold": 0.0,
    "margin": 0.08,
    "requirement": "Business: whoever is answered by the student in place of its teacher loses nothing by it.",
}
CHECKS = {
    "arithmetic": checks.numeric,
    "capitals": checks.contains,
    "format": lambda text, expected: checks.exact(text.strip(), expected),
    "vocabulary": checks.contains,
}


def gained(own, other, reason):
    """How much better than the teacher an answer is: -1, 0 or 1."""
    return Measure(float(own) - float(other), "of the answers", at_least=-1.0, at_most=1.0, reason=reason)


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(
            task,
            marks=pytest.mark.evaluation(cases=f"evals/foundation/{task}/cases.jsonl", **AS_GOOD),
        )
        for task in CHECKS
    ],
)
async def test_as_good_as_the_teacher(model, teacher, case, task):
    messages = [*case.examples, {"role": "user", "content": case.prompt}]
    ours, theirs = await model.chat(messages), await teacher.chat(messages)
    own, other = (CHECKS[task](each.text, case.expected).value for each in (ours, theirs))
    return gained(own, other, f"{ours.text!r}, the teacher {theirs.text!r}")


@pytest.mark.evaluation(cases="evals/foundation/facts/documents.jsonl", **(AS_GOOD | {"samples": 1}))
async def test_as_good_as_the_teacher_at_facts(model, teacher, case):
    """As lm-eval weighs them: of four answers the likeliest counts."""
    question = f"Question: {case.question}\nAnswer:"
    ours, theirs = [
        await checks.choose(each, question, case.choices, length_normalised=False) for each in (model, teacher)
    ]
    reason = f"{case.choices[ours.index]!r}, the teacher {case.choices[theirs.index]!r}"
    return gained(ours.index == case.answer, theirs.index == case.answer, reason)
