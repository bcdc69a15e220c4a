"""How near a student is to its teacher on text that it was not taught on, and how much of the loss it regained."""

import math

import pytest

from harness import Measure

HELD_OUT = "evals/foundation/prose/documents.jsonl"
SHARE = 0.25


def held_out(threshold, margin, requirement):
    """An evaluation on held-out prose: whole distributions of both weights, in 32 bits."""
    return pytest.mark.evaluation(
        cases=HELD_OUT, samples=1, threshold=threshold, margin=margin, requirement=requirement
    )


@held_out(0.15, 0.05, "Non-functional: whatever the teacher expects, the student does not rule out.")
async def test_divergence(distillation, case):
    return (await distillation.compare(case.text)).kl


@held_out(0.15, 0.05, "Non-functional: the student expects nothing that the teacher rules out.")
async def test_divergence_back(distillation, case):
    return (await distillation.compare(case.text)).kl_reverse


@held_out(0.04, 0.015, "Non-functional: teacher and student are alike, whichever one asks.")
async def test_jensen_shannon(distillation, case):
    return (await distillation.compare(case.text)).js


@held_out(0.75, 0.05, "Non-functional: the student's likeliest word is the teacher's.")
async def test_agreement(distillation, case):
    return (await distillation.compare(case.text)).same_top


@held_out(0.15, 0.05, "Non-functional: plain English surprises the student hardly more than its teacher.")
async def test_perplexity(distillation, weights, case):
    found = await distillation.compare(case.text)
    own, teachers, chance = found.log_likelihood, found.reference_log_likelihood, -math.log(weights.tokenizer.n_tokens)
    if teachers <= chance:
        raise ValueError(f"the teacher is no measure: {-teachers:.2f} nats a token, and chance has {-chance:.2f}")
    reason = f"perplexity {math.exp(-own):.1f}, the teacher's {math.exp(-teachers):.1f}"
    return Measure(teachers - own, "nats/token", higher_is_better=False, reason=reason)


@held_out(0.0, 0.005, f"Business: to distil gives back {SHARE:.0%} at least of what the student had lost.")
async def test_retained(distillation, case):
    """What was regained less its share of what was lost: 0 where the ratio of both means is that share.

    The bound is Fieller's (1954): the ratio is at least the share where this mean is shown to be at least 0.
    """
    student, start = await distillation.compare(case.text), await distillation.compare_start(case.text)
    lost = start.reference_log_likelihood - start.log_likelihood
    regained = student.log_likelihood - start.log_likelihood
    reason = f"{regained:.3f} of {lost:.3f} nats a token regained"
    return Measure(regained - SHARE * lost, "nats/token", reason=reason)
