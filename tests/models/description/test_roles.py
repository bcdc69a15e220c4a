from __future__ import annotations

import pytest

from harness.models.description.roles import tensor_role


@pytest.mark.parametrize(
    ("name", "part", "layer"),
    [
        ("model.embed_tokens.weight", "embedding", None),
        ("transformer.wte.weight", "embedding", None),
        ("token_embd.weight", "embedding", None),
        ("transformer.wpe.weight", "positions", None),
        ("lm_head.weight", "head", None),
        ("output.weight", "head", None),
        ("output_norm.weight", "norm", None),
        ("model.norm.weight", "norm", None),
        ("transformer.h.7.ln_1.weight", "norm", 7),
        ("blk.11.attn_q_norm.weight", "attention", 11),
        ("blk.11.attn_norm.weight", "norm", 11),
        ("model.layers.2.self_attn.q_norm.weight", "attention", 2),
        ("gpt_neox.layers.0.attention.query_key_value.weight", "attention", 0),
        ("gpt_neox.layers.0.mlp.dense_h_to_4h.weight", "mlp", 0),
        ("model.layers.0.block_sparse_moe.gate.weight", "mlp", 0),
        ("backbone.layers.3.mixer.in_proj.weight", "other", 3),
        ("model.vision_tower.encoder.layers.0.mlp.fc1.weight", "aside", None),
        ("rope_freqs.weight", "aside", None),
        ("v.blk.0.attn_q.weight", "aside", None),
    ],
)
def test_a_tensor_is_for_what_its_name_says(name: str, part: str, layer: int | None) -> None:
    role = tensor_role(name)
    assert (part, layer, False) == (role.part, role.layer, role.is_expert)


@pytest.mark.parametrize(
    ("rest", "is_expert"),
    [
        ("mlp.experts.3.gate_proj.weight", True),
        ("mlp.experts.gate_up_proj", True),
        ("ffn_gate_exps.weight", True),
        ("block_sparse_moe.experts.0.w1.weight", True),
        ("mlp.shared_experts.gate_proj.weight", False),
        ("mlp.shared_expert.gate_proj.weight", False),
        ("ffn_gate_shexp.weight", False),
        ("mlp.gate.weight", False),
    ],
)
def test_experts_are_told_from_what_every_token_passes_through(rest: str, is_expert: bool) -> None:
    role = tensor_role(f"blk.0.{rest}")
    assert ("mlp", is_expert) == (role.part, role.is_expert)
