"""Trains an adapter on prompts and their answers, by peft and the trainer of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from harness.config.customization import AdapterSettings
from harness.models.adapters.adapter_files import CONFIG, TRAINED_ON
from harness.models.files.saved import load_whole
from harness.models.processes.worker import Progress
from harness.stages.training.running import TrainingRequest
from harness.stages.training.sequences import read_sequences
from harness.stages.training.trainers import remove_checkpoints, run_trainer

_KEPT = ("adapter_model.safetensors", CONFIG)


def train_adapter(request: TrainingRequest, told: Progress) -> None:
    """Train an adapter, and leave it in the folder of the request as peft saves it.

    Raises:
        UsageError: the texts can't be learned from, or are longer than what the weights take.
    """
    chosen, _ = read_sequences(request, told, request.start)
    model = new_adapter(load_whole(request.start, "float32"), cast("AdapterSettings", request.settings))
    trained = run_trainer(model, chosen, request, told)
    trained.save_pretrained(str(request.folder))
    remove_checkpoints(request.folder)
    _tidy(request.folder, request.start_digest)


def new_adapter(model: Any, settings: AdapterSettings) -> Any:
    """A model with an adapter that changes nothing yet: of its two matrices the outer one is 0.

    Source: Hu et al. (2021), LoRA: Low-Rank Adaptation of Large Language Models, section 4.1; scaled by alpha / rank.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(settings.seed)
    alpha: Any = settings.alpha if settings.alpha is not None else 2 * settings.rank
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=alpha,
        target_modules=list(settings.modules),
        lora_dropout=settings.dropout,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _tidy(folder: Path, digest: str) -> None:
    """Leave nothing of this machine in the adapter: neither where its weights lay, nor the order of a set."""
    for path in folder.iterdir():
        if path.name not in _KEPT and path.suffix != ".log":
            path.unlink()
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    config["base_model_name_or_path"] = TRAINED_ON + digest
    config["target_modules"] = sorted(config["target_modules"])
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
