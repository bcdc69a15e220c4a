"""What an adapter does, computed in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.models.adapters.adapter_files import read_adapter
from harness.models.adapters.merging import adapted, untied
from harness.models.files.saved import load_whole
from harness.models.weighing import prefix_token
from harness.models.weights.weights import materialize, tokenizer_path


class AdapterProber:
    """Weights in 32 bits with an adapter beside them, which is switched off and on.

    Args:
        options: of the weights that the adapter is put on.
        adapter: its folder.
        root: folder that relative paths start from.
    """

    def __init__(self, options: Mapping[str, Any], adapter: str, root: str) -> None:
        from transformers import AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        folder = materialize(options, Path(root))
        self._tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_path(options, Path(root)) or folder))
        self._model = untied(adapted(load_whole(folder, "float32").eval(), Path(adapter)))
        layers = {
            name: module for name, module in self._model.get_base_model().named_modules() if hasattr(module, "lora_A")
        }
        self._told = {
            "modules": list(layers),
            "idle": [name for name, module in layers.items() if not module.get_delta_weight("default").any()],
            "left_out": [name for name in read_adapter(Path(adapter)).shapes if name not in layers],
        }

    def probe(self, text: str) -> dict[str, Any]:
        """Measure the adapter's effect on a text: the fields of `AdapterEffect`.

        Raises:
            ValueError: the text has no tokens, or more than go into a window, or what the adapter gives are no numbers.
        """
        tokens = self._tokenizer.encode(text, add_special_tokens=False)
        window = self._model.config.max_position_embeddings
        if not 0 < len(tokens) <= window:
            raise ValueError(f"the text has {len(tokens)} tokens; the weights read 1 to {window} at once")
        own = self._logits(tokens)
        with self._model.disable_adapter():
            base = self._logits(tokens)
        if own.isnan().any():
            raise ValueError("with the adapter logits are no numbers (NaN), as after training that diverged")
        effect = float(((own - base).abs() / (1 + base.abs())).max())
        p, q = own.log_softmax(-1), base.log_softmax(-1)
        kl = float((p.exp() * (p - q)).sum(-1).mean().clamp(min=0))
        return {**self._told, "effect": effect, "kl": kl}

    def _logits(self, tokens: list[int]) -> Any:
        """(n_tokens, n_vocabulary): what is foreseen at the place of each token."""
        import torch

        with torch.inference_mode():
            rows = torch.tensor([[prefix_token(self._tokenizer), *tokens[:-1]]])
            return self._model(input_ids=rows, use_cache=False).logits[0]
