"""Trains an adapter on prompts and their answers, by peft and the trainer of transformers."""

from __future__ import annotations

import json
from typing import Any, cast

from harness.config.customization import AdapterSettings
from harness.models.adapters.adapter_files import CONFIG, TRAINED_ON
from harness.models.files.saved import load_whole
from harness.models.processes.worker import Progress
from harness.stages.training.training_worker import TrainingRequest, read_sequences, run_trainer


def train_adapter(request: TrainingRequest, progress: Progress) -> None:
    """Leave an adapter as peft saves it, with nothing of this machine: neither where its weights lay, nor the order of
    a set. Raises UsageError: the texts can't be learned from.
    """
    chosen, _ = read_sequences(request, progress)
    model = new_adapter(load_whole(request.start, "float32"), cast("AdapterSettings", request.settings))
    run_trainer(model, chosen, request, progress).save_pretrained(str(request.folder))
    (request.folder / "README.md").unlink()
    config = json.loads((request.folder / CONFIG).read_text("utf-8"))
    config["base_model_name_or_path"] = TRAINED_ON + request.start_digest
    config["target_modules"] = sorted(config["target_modules"])
    (request.folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


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
