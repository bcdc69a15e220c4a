from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from scipy import stats

pytestmark = pytest.mark.service


@pytest.mark.parametrize("vocabulary", [3, 256, 700])
def test_tokens_are_drawn_with_the_probabilities_of_the_softmax(vocabulary: int) -> None:
    import torch

    from harness.models.vllm.cpu_sampler import draw_tokens

    torch.manual_seed(3)
    draws = 100_000
    logits = 2 * torch.randn(vocabulary)
    before = logits.clone()
    counts = torch.bincount(draw_tokens(logits.expand(draws, vocabulary)), minlength=vocabulary)
    expected = draws * logits.double().softmax(0)
    likely = expected >= 5
    observed = [*counts[likely].tolist(), int(counts[~likely].sum())]
    wanted = [*expected[likely].tolist(), float(expected[~likely].sum())]
    pairs = [(seen, due) for seen, due in zip(observed, wanted, strict=True) if due > 0]
    assert stats.chisquare(*zip(*pairs, strict=True)).pvalue > 1e-3
    assert torch.equal(before, logits)


def test_a_masked_token_is_never_drawn_and_a_certain_one_always() -> None:
    import torch

    from harness.models.vllm.cpu_sampler import draw_tokens

    torch.manual_seed(4)
    logits = torch.full((50_000, 1000), float("-inf"))
    logits[:, [0, 255, 256, 998]] = torch.tensor([0.0, -30.0, 1.0, -1.0])
    assert set(draw_tokens(logits).tolist()) <= {0, 255, 256, 998}
    certain = torch.full((5000, 1000), float("-inf"), dtype=torch.bfloat16)
    certain[torch.arange(5000), torch.arange(5000) % 1000] = -70.0
    assert torch.equal(torch.arange(5000) % 1000, draw_tokens(certain))


def test_rows_are_drawn_independently_of_each_other() -> None:
    import torch

    from harness.models.vllm.cpu_sampler import draw_tokens

    torch.manual_seed(5)
    drawn = draw_tokens(torch.zeros(20_000, 2)).double()
    assert abs(float(torch.corrcoef(torch.stack([drawn[:-1], drawn[1:]]))[0, 1])) < 0.03


@pytest.mark.nightly
def test_the_installed_vllm_samples_with_it() -> None:
    code = (
        "from vllm.v1.sample.ops import topk_topp_sampler as sampler; from harness.models.vllm import cpu_sampler\n"
        "assert sampler.compiled_random_sample is not cpu_sampler.draw_tokens\n"
        "cpu_sampler.install()\n"
        "assert sampler.compiled_random_sample is cpu_sampler.draw_tokens\n"
        "import torch\n"
        "from vllm.utils.cpu_triton_utils import expand_kernel\n"
        "from vllm.v1.sample import rejection_sampler\n"
        "rejection_sampler.expand_kernel = expand_kernel\n"
        "ends = torch.tensor([2, 2, 5], dtype=torch.int32)\n"
        "found = rejection_sampler.expand_batch_to_tokens(torch.tensor([0.7, 0.5, 0.0]), ends, 5, 0, 1)\n"
        "assert found.tolist() == [*torch.tensor([0.7, 0.7]).tolist(), 1, 1, 1], found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(("place", "width"), [(0, 11), (1, 11), (1, 9), (1, 16)])
def test_every_row_has_the_logits_of_the_one_adapter_added(place: int, width: int) -> None:
    """Also where logits, or an adapter's, are padded."""
    torch = pytest.importorskip("torch")
    from harness.models.vllm.cpu_sampler import add_logits

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
    from harness.models.vllm.cpu_sampler import add_logits

    logits = torch.zeros(2, 3)
    indices = SimpleNamespace(sampler_indices=torch.tensor(places))
    add_logits(indices, logits, torch.ones(2, 4), torch.ones(1, 1, 2, 4), torch.ones(1, 1, 3, 2), 1.0)
    assert not logits.any()
