"""The parts of a model, and the operations that they take, held against PyTorch's own counter."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.models.description.description import describe_weights
from tests.models.description.made import ARCHITECTURES, MIXTURES, write_gguf, write_model

pytestmark = pytest.mark.service

N_TOKENS = 32


@pytest.mark.parametrize(
    "kind", ["llama", "mistral", "gemma3_text", "phi3", "gpt2", "gpt_neox", "olmo2", "cohere", "bloom", "mpt"]
)
def test_operations_and_parameters_are_those_that_pytorch_counts(kind: str, tmp_path: Path) -> None:
    """With eager attention, which computes every pair of tokens. The counter also sees the angles of the rotary
    embedding being made, a product of positions and frequencies that no weight takes part in."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = write_model(tmp_path, kind, ARCHITECTURES[kind])
    described = describe_weights({"weights": str(tmp_path)}, tmp_path)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.arange(N_TOKENS)[None], use_cache=False)
    architecture = described.architecture
    pairs = sum(architecture.flops_per_key)
    expected = N_TOKENS * (architecture.flops_matrices + pairs * N_TOKENS)
    products = counter.get_flop_counts()["Global"]
    batched = sum(count for operator, count in products.items() if "bmm" in str(operator))
    angles = batched - N_TOKENS * N_TOKENS * pairs
    assert expected == counter.get_total_flops() - angles
    assert 0 <= angles <= 2 * 2 * N_TOKENS * described.sizes.key_length
    assert sum(parameter.numel() for parameter in model.parameters()) == described.n_parameters
    assert described.sizes.n_layers == len(architecture.flops_per_key)


@pytest.mark.parametrize("kind", MIXTURES)
def test_a_token_passes_through_some_of_the_experts(kind: str, tmp_path: Path) -> None:
    settings = MIXTURES[kind]
    model = write_model(tmp_path, kind, settings)
    described = describe_weights({"weights": str(tmp_path)}, tmp_path)
    assert sum(parameter.numel() for parameter in model.parameters()) == described.n_parameters
    inner = settings.get("moe_intermediate_size", settings["intermediate_size"])
    width, n_layers = settings["hidden_size"], settings["num_hidden_layers"]
    attention = described.architecture.flops_matrices - described.architecture.flops_head
    attention -= n_layers * 2 * (2 * 3 * width * inner + 4 * width)
    head = described.sizes.key_length
    assert n_layers * 2 * width * head * (2 * 4 + 2 * 2) == attention, "two experts of four, and the router"


def test_the_last_token_of_a_context_sees_all_of_it_and_a_pass_over_all_sees_half(tiny_llama: Path) -> None:
    architecture = describe_weights({"weights": str(tiny_llama)}, tiny_llama).architecture
    matrices = 2 * (4 * (4 * 128 * 128 + 3 * 128 * 256) + 261 * 128)
    assert matrices == architecture.flops_matrices
    assert matrices + 4 * 4 * 4 * 32 * 512 == architecture.flops_of(1, 511)
    assert sum(architecture.flops_of(1, seen - 1) for seen in range(1, 101)) == architecture.flops_of(100)
    assert architecture.flops_of(100) + architecture.flops_of(28, before=100) == architecture.flops_of(128)


def test_the_head_counts_for_tokens_that_predict(tiny_llama: Path) -> None:
    architecture = describe_weights({"weights": str(tiny_llama)}, tiny_llama).architecture
    assert architecture.flops_head == 2 * 261 * 128
    assert architecture.flops_of(100) - architecture.flops_of(100, n_predicting=1) == 99 * architecture.flops_head
    assert architecture.flops_of_request(99.6, 28) == architecture.flops_of(128) - 99 * architecture.flops_head


def test_a_window_bounds_what_a_token_sees(tmp_path: Path) -> None:
    write_model(tmp_path, "gemma3_text", ARCHITECTURES["gemma3_text"])
    described = describe_weights({"weights": str(tmp_path)}, tmp_path)
    assert described.sizes.windows == (16, 16, 16, 16, 16, 0, 16)
    per_key = 4 * 4 * 16
    assert described.architecture.flops_matrices + per_key * (6 * 16 + 64) == described.flops_per_token
    assert sum(
        described.architecture.flops_of(1, seen - 1) for seen in range(1, 65)
    ) == described.architecture.flops_of(64)


def test_a_tied_head_is_a_matrix_without_parameters_of_its_own(tmp_path: Path) -> None:
    tied = describe_weights({"weights": str(write_gguf(tmp_path / "tied.gguf"))}, tmp_path)
    own = describe_weights({"weights": str(write_gguf(tmp_path / "own.gguf", head=True))}, tmp_path)
    assert (tied.architecture.is_tied, own.architecture.is_tied) == (True, False)
    assert tied.architecture.flops_of(1, 63) == own.architecture.flops_of(1, 63)
    assert own.n_parameters - tied.n_parameters == 10 * 64
