"""Stage 2: the student beside its teacher, on texts that neither was taught on here."""

import pytest

from harness import Measure

HELD_OUT = "data/held-out.jsonl"


@pytest.mark.evaluation(
    cases=HELD_OUT,
    samples=1,
    threshold=0.3,
    margin=0.1,
    requirement="Non-functional: whatever the teacher expects, the student does not rule out.",
)
async def test_divergence(distillation, case) -> Measure:
    return (await distillation.compare(case.text)).kl


@pytest.mark.evaluation(
    cases=HELD_OUT,
    samples=1,
    threshold=0.06,
    margin=0.06,
    requirement="Business: to teach the student pays: it foresees plain English better than before.",
)
async def test_regained(distillation, case):
    student, start = await distillation.compare(case.text), await distillation.compare_start(case.text)
    return Measure(student.log_likelihood - start.log_likelihood, "nats/token")
