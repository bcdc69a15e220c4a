"""Adapters that peft writes for the tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.config.customization import AdapterSettings


def write_adapter(
    weights: Path, folder: Path, modules: Sequence[str] = ("q_proj", "v_proj"), scale: float = 0.5
) -> Path:
    """An adapter with random matrices of rank 4 for the weights; with a scale of 0 the outer ones are 0, as before any
    training.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from harness.stages.training.lora import new_adapter

    model = AutoModelForCausalLM.from_pretrained(str(weights), dtype="float32")
    adapted = new_adapter(model, AdapterSettings(data="d", rank=4, modules=tuple(modules)))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name or "lora_embedding_A" in name:
                parameter.copy_(scale * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    adapted.save_pretrained(str(folder))
    return folder


def change_config(folder: Path, **changes: Any) -> Path:
    """The adapter with other settings in its config."""
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    return folder


def write_adapter_head(folder: Path, rank: int) -> Path:
    """The files of an adapter of one module, without any library."""
    import numpy as np
    from safetensors.numpy import save_file

    config = {"peft_type": "LORA", "r": rank, "target_modules": ["q_proj"], "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    matrices = {"lora_A": np.zeros((rank, 8), np.float32), "lora_B": np.zeros((8, rank), np.float32)}
    tensors = {f"{module}.{name}.weight": matrix for name, matrix in matrices.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder
