"""Texts as vectors, by an embedding model on the CPU."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from harness.errors import UsageError

_POOLED_BY = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
_KEPT = 4096


@functools.cache
def load_embedder(model: str, root: Path) -> Embedder:
    """The model, loaded once in a process.

    Args:
        model: a folder, a hub id in the local cache, a .gguf file or `package:NAME`.
        root: folder that a relative path starts from.

    Raises:
        UsageError: the model can't embed texts; transformers is not installed.
        SettingsError: there is no such model.
    """
    return Embedder(model, root)


def _library() -> Any:
    from harness.models.weights.turns import loading_turn

    with loading_turn():
        try:
            import transformers
        except ImportError as error:
            raise UsageError('Embeddings need transformers: pip install "steelyard[transformers]"') from error
        transformers.utils.logging.disable_progress_bar()
    return transformers


class Embedder:
    """A loaded model that turns a text into a vector of length 1: one at a time, so that no other changes it.

    Args:
        model, root: as for `load_embedder`.
    """

    def __init__(self, model: str, root: Path) -> None:
        from harness.models.weights.turns import loading_turn
        from harness.models.weights.weights import materialize

        transformers = _library()
        self.folder = materialize({"weights": model}, root)
        self._pooling = _pooling(self.folder)
        try:
            with loading_turn():
                self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(self.folder))
                self._model = transformers.AutoModel.from_pretrained(str(self.folder), dtype="float32").eval()
        except (OSError, ValueError, ImportError) as error:
            raise UsageError(f"{self.folder} can't be loaded: {error}") from error
        longest = getattr(self._model.config, "max_position_embeddings", None) or self._tokenizer.model_max_length
        self._longest = min(longest, self._tokenizer.model_max_length)
        self.embed = functools.lru_cache(maxsize=_KEPT)(self._embed)

    def _embed(self, text: str) -> Any:
        import torch

        tokens = self._tokenizer(text, truncation=True, max_length=self._longest, return_tensors="pt")
        if tokens["input_ids"].shape[1] == 0:
            raise UsageError(f"The tokenizer makes no token of {text[:60]!r}.")
        with torch.inference_mode():
            states = self._model(**tokens).last_hidden_state[0]
            pooled = {
                "mean": lambda: states.mean(0),
                "cls": lambda: states[0],
                "max": lambda: states.max(0).values,
                "lasttoken": lambda: states[-1],
            }[self._pooling]()
            return torch.nn.functional.normalize(pooled, dim=0)


def _pooling(folder: Path) -> str:
    """Tell how a sentence-embedding folder pools its states; "mean" for any other model.

    Raises:
        UsageError: it does so in a way that is not known here.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        return "mean"
    kinds = {
        str(module["type"]).rpartition(".")[2]: module["path"] for module in json.loads(modules.read_text("utf-8"))
    }
    unknown = set(kinds) - {"Transformer", "Pooling", "Normalize"}
    if unknown:
        raise UsageError(f"{modules} has the module {sorted(unknown)[0]}, which is not known here.")
    if "Pooling" not in kinds:
        return "mean"
    settings = json.loads((folder / kinds["Pooling"] / "config.json").read_text("utf-8"))
    modes = [settings["pooling_mode"]] if settings.get("pooling_mode") else []
    modes += [
        _POOLED_BY.get(name, name) for name, on in settings.items() if name.startswith("pooling_mode_") and on is True
    ]
    if len(modes) != 1 or modes[0] not in _POOLED_BY.values():
        raise UsageError(
            f"{folder} pools by {' and '.join(map(str, modes)) or 'nothing'}; "
            f"known are {', '.join(_POOLED_BY.values())}."
        )
    return str(modes[0])
