"""The process that computes what an adapter does: `python -m harness.stages.customization.adapter_process`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.models.adapters.adapter_files import read_adapter
from harness.models.adapters.merging import adapted, untied
from harness.models.files.whole import load_whole
from harness.models.processes.answering import Answering, answer_messages
from harness.models.weighing import prefix_token
from harness.models.weights.weights import materialize, tokenizer_path

_OWN, _NEW, _AGAIN = "default", "untrained", "reloaded"


def main() -> None:
    """Load the weights and the adapter that the first message names, and answer."""
    answer_messages(_loaded)


def _loaded(start: dict[str, Any]) -> tuple[bool, Answering]:
    """Load the adapter; return True (ready) and the function that answers."""
    prober = AdapterProber(start["options"], Path(start["adapter"]), Path(start["root"]))
    return True, lambda message: prober.probe(message["text"])


class AdapterProber:
    """Weights in 32 bits, alone and with an adapter.

    Args:
        options: of the weights that the adapter is put on.
        adapter: its folder.
        root: folder that relative paths start from.
    """

    def __init__(self, options: Mapping[str, Any], adapter: Path, root: Path) -> None:
        from transformers import AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        folder = materialize(options, root)
        self._tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_path(options, root) or folder))
        self._base, other = (load_whole(folder, "float32").eval() for _ in range(2))
        self._model = untied(adapted(other, adapter))
        with tempfile.TemporaryDirectory() as saved:
            self._model.save_pretrained(saved)
            self._model.load_adapter(saved, _AGAIN)
        self._model.add_adapter(_NEW, type(self._model.peft_config[_OWN]).from_pretrained(str(adapter)))
        self._model.eval()
        self._layers = {
            name: module for name, module in self._model.get_base_model().named_modules() if hasattr(module, "lora_A")
        }
        self._told = self._describe(tuple(read_adapter(adapter).shapes))

    def _describe(self, named: tuple[str, ...]) -> dict[str, list[str]]:
        """Tell where matrices were put, and which come to nothing."""
        idle = [name for name, module in self._layers.items() if not module.get_delta_weight(_OWN).any()]
        return {
            "modules": list(self._layers),
            "idle": idle,
            "left_out": [name for name in named if name not in self._layers],
        }

    def probe(self, text: str) -> dict[str, Any]:
        """Measure the adapter's effect on a text: the fields of `AdapterEffect`.

        Raises:
            ValueError: the text has no tokens, or more than go into a window, or what the adapter gives are no numbers.
        """
        tokens = self._tokenizer.encode(text, add_special_tokens=False)
        window = self._base.config.max_position_embeddings
        if not 0 < len(tokens) <= window:
            raise ValueError(f"the text has {len(tokens)} tokens; the weights read 1 to {window} at once")
        base = self._logits(self._base, tokens)
        own = self._with(_OWN, tokens)
        if own.isnan().any():
            raise ValueError("with the adapter logits are no numbers (NaN), as after training that diverged")
        found = {
            "untrained": _apart(self._with(_NEW, tokens), base),
            "reloaded": _apart(self._with(_AGAIN, tokens), own),
        }
        self._model.set_adapter(_OWN)
        with self._model.disable_adapter():
            found["disabled"] = _apart(self._logits(self._model, tokens), base)
        self._model.merge_adapter([_OWN])
        found["merged"] = _apart(self._logits(self._model, tokens), own)
        self._model.unmerge_adapter()
        found["unmerged"] = _apart(self._logits(self._model, tokens), own)
        self._restore()
        return {**self._told, **found, "effect": _apart(own, base), "kl": _kl(own, base)}

    def _with(self, adapter: str, tokens: list[int]) -> Any:
        self._model.set_adapter(adapter)
        return self._logits(self._model, tokens)

    def _logits(self, model: Any, tokens: list[int]) -> Any:
        """(n_tokens, n_vocabulary): what is foreseen at the place of each token."""
        import torch

        with torch.inference_mode():
            rows = torch.tensor([[prefix_token(self._tokenizer), *tokens[:-1]]])
            return model(input_ids=rows, use_cache=False).logits[0]

    def _restore(self) -> None:
        """Undo what adding and taking away again left in the last bits, so that each text finds the same weights."""
        import torch

        with torch.inference_mode():
            for name, module in self._layers.items():
                module.get_base_layer().weight.copy_(self._base.get_submodule(name).weight)


def _apart(found: Any, wanted: Any) -> float:
    """The largest difference, in the measure of numpy's allclose with equal tolerances."""
    return float(((found - wanted).abs() / (1 + wanted.abs())).max())


def _kl(wanted: Any, found: Any) -> float:
    """The mean divergence over all places, in nats."""
    p, q = wanted.log_softmax(-1), found.log_softmax(-1)
    return float((p.exp() * (p - q)).sum(-1).mean().clamp(min=0))


if __name__ == "__main__":
    main()
