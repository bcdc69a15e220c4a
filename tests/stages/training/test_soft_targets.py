"""The loss of soft targets, against its definition."""

from __future__ import annotations

import math

import pytest

from harness.stages.training.sequences import IGNORED
from harness.stages.training.students import distillation_loss, soft_loss, teacher_targets
from tests.libraries import needed

torch = needed("torch")


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_with_every_token_it_is_t_squared_times_the_divergence(temperature: float) -> None:
    """KL(teacher || student) of Hinton, Vinyals and Dean (2015), section 2, by PyTorch's own."""
    teacher, student = logits(7, 11), logits(7, 11, seed=1)
    ids, logprobs = teacher_targets(teacher, 11, temperature)
    expected = torch.nn.functional.kl_div(
        (student / temperature).log_softmax(-1),
        (teacher / temperature).log_softmax(-1),
        log_target=True,
        reduction="none",
    ).sum(-1)
    assert torch.allclose(soft_loss(student, ids, logprobs, temperature), temperature**2 * expected, atol=1e-4)


def test_it_is_of_the_teacher_and_not_of_the_student() -> None:
    """p = (1/2, 1/2), q = (3/4, 1/4): KL(p || q) = ln(4/3) / 2 + ln(2) / 2 - ... by hand."""
    teacher, student = torch.log(torch.tensor([[0.5, 0.5]])), torch.log(torch.tensor([[0.75, 0.25]]))
    ids, logprobs = teacher_targets(teacher, 2, 1.0)
    by_hand = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    turned = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert soft_loss(student, ids, logprobs, 1.0).item() == pytest.approx(by_hand, rel=1e-5)
    assert by_hand != pytest.approx(turned, rel=1e-2)


@pytest.mark.parametrize("top_k", [1, 3, 8])
def test_with_some_tokens_it_is_a_lower_bound(top_k: int) -> None:
    teacher, student = logits(50, 11), logits(50, 11, seed=1)
    whole = soft_loss(student, *teacher_targets(teacher, 11, 2.0), 2.0)
    part = soft_loss(student, *teacher_targets(teacher, top_k, 2.0), 2.0)
    assert (part <= whole + 1e-5).all()
    assert (part >= 0).all()
    assert soft_loss(teacher, *teacher_targets(teacher, top_k, 2.0), 2.0).max().item() == pytest.approx(0, abs=1e-4)


def test_the_kept_tokens_are_the_likeliest_among_all() -> None:
    teacher = logits(4, 9)
    ids, logprobs = teacher_targets(teacher, 3, 2.0)
    assert torch.equal(ids.long(), teacher.topk(3).indices)
    assert torch.allclose(logprobs, (teacher / 2).log_softmax(-1).gather(-1, ids.long()))


def test_logits_foretell_the_next_token_and_ignored_places_carry_no_loss() -> None:
    labels = torch.tensor([[1, IGNORED, 3, 4]])
    student = logits(1, 4, 6)
    ids, logprobs = teacher_targets(logits(1, 4, 6, seed=2), 6, 2.0)
    chosen = [1, 2]  # the places before those with a label, but for the first, which nothing foretells
    hard = torch.nn.functional.cross_entropy(student[0, chosen], labels[0, 2:], reduction="sum")
    soft = soft_loss(student[0, chosen], ids[0, chosen], logprobs[0, chosen], 2.0).sum()
    for weight in (0.0, 0.3, 1.0):
        found = distillation_loss(student, labels, ids, logprobs, temperature=2.0, hard_weight=weight)
        assert found.item() == pytest.approx((weight * hard + (1 - weight) * soft).item(), rel=1e-5)


def test_its_gradient_does_not_shrink_with_the_temperature() -> None:
    """At a high temperature it tends to the difference of the logits over their number (ibid., equation 4)."""
    teacher, student = logits(1, 5), logits(1, 5, seed=1)
    teacher, student = teacher - teacher.mean(), student - student.mean()
    student.requires_grad_()
    soft_loss(student, *teacher_targets(teacher, 5, 500.0), 500.0).sum().backward()
    assert student.grad is not None
    assert torch.allclose(student.grad, (student.detach() - teacher) / 5, atol=0.02)
