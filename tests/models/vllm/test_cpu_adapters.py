from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.mark.parametrize(("place", "width"), [(0, 11), (1, 11), (1, 9), (1, 16)])
def test_every_row_has_the_logits_of_the_one_adapter_added(place: int, width: int) -> None:
    """Also where logits, or an adapter's, are padded."""
    torch = pytest.importorskip("torch")
    from harness.models.vllm.cpu_adapters import add_logits

    torch.manual_seed(3)
    logits, hidden = torch.randn(7, width), torch.randn(7, 5)
    a, b = torch.randn(2, 1, 3, 5), torch.randn(2, 1, 11, 3)
    wanted = logits.clone()
    wanted[:, :11] += (0.5 * hidden @ (b[place, 0] @ a[place, 0]).T)[:, :width]
    add_logits(SimpleNamespace(sampler_indices=torch.tensor([place, place])), logits, hidden, a, b, 0.5)
    assert torch.allclose(logits, wanted, atol=1e-5)


@pytest.mark.parametrize("places", [[], [-1, -1]])
def test_without_an_adapter_nothing_is_added(places: list[int]) -> None:
    torch = pytest.importorskip("torch")
    from harness.models.vllm.cpu_adapters import add_logits

    logits = torch.zeros(2, 3)
    indices = SimpleNamespace(sampler_indices=torch.tensor(places))
    add_logits(indices, logits, torch.ones(2, 4), torch.ones(1, 1, 2, 4), torch.ones(1, 1, 3, 2), 1.0)
    assert not logits.any()
