"""Was it the teacher? A student beside its controls, which saw as many texts: shown to be nearer to it than each."""

import pytest

from harness import Measure

NEARER = 0.001
"""Nats a token: what is nearer by less has learned nothing that is worth the name."""

nearer = pytest.mark.evaluation(
    cases="evals/foundation/prose/documents.jsonl",
    samples=1,
    about="population",
    threshold=2 * NEARER,
    margin=NEARER,
    requirement="Business: what the teacher teaches is worth more than the same texts without it.",
)


def gained(control, student):
    """How much nearer to the teacher a student is than its control, in KL(teacher ‖ student)."""
    reason = f"{student.kl.value:.4f} nats a token from the teacher, the control {control.kl.value:.4f}"
    return Measure(control.kl.value - student.kl.value, "nats/token", reason=reason)


@nearer
async def test_nearer_than_the_start(distillation, case):
    return gained(await distillation.compare_start(case.text), await distillation.compare(case.text))


@nearer
async def test_nearer_than_hard_labels(distillation, case):
    return gained(await distillation.compare_control("hard_labels", case.text), await distillation.compare(case.text))


@nearer
async def test_nearer_than_a_shuffled_teacher(distillation, case):
    return gained(await distillation.compare_control("shuffled", case.text), await distillation.compare(case.text))
