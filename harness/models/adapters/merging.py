"""Adds adapters into the weights that they were made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import SettingsError, install
from harness.models.files.saved import load_whole, save_like

RECIPE = "recipe 1"
"""A part of the digest of merged weights: changed with anything here that changes what is written."""


def merge_adapters(source: Path, folder: Path, adapters: Sequence[Path]) -> None:
    """Write the model of `source` with adapters added into its weights into `folder`, one after the other: in 32 bits,
    and saved in the type of the source, for in 16 bits what is added is often rounded away.
    """
    model = load_whole(source, "float32")
    for adapter in adapters:
        model = untied(adapted(model, adapter)).merge_and_unload(safe_merge=True)
    save_like(model, source, folder)


def adapted(model: Any, adapter: Path) -> Any:
    """The model with an adapter beside its weights, as peft has it. Raises SettingsError: peft is not installed."""
    try:
        from peft import PeftModel
    except ImportError as error:
        message = f"An adapter needs a package that is not installed: {error}"
        raise SettingsError(f"{message}. Install it: {install('customization')}") from error
    return PeftModel.from_pretrained(model, str(adapter)).eval()


def untied(model: Any) -> Any:
    """The model with a head of its own, where it is the embedding and an adapter changes either of them: added into the
    one matrix, what is for one of them would change the other as well.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from torch.nn import Parameter

    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    if any(isinstance(end, BaseTunerLayer) for end in ends):
        embedding, head = (end.get_base_layer() if isinstance(end, BaseTunerLayer) else end for end in ends)
        if head is not None and head.weight is embedding.weight:
            head.weight = Parameter(head.weight.detach().clone())
            model.config.tie_word_embeddings = False
    return model


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the same weights with the adapter added into them, for what can't load one beside them."""
    plain = dict(options)
    if "adapter" in plain:
        plain["merged"] = [*plain.get("merged", ()), plain.pop("adapter")]
    return plain
