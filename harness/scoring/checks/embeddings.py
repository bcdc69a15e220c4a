"""The check of meaning: how near two texts are in the space of an embedding model."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from harness.errors import CheckError
from harness.records import Score
from harness.scoring.checks.awaitables import wait_for
from harness.scoring.checks.given import answer_text, import_library, references, shown
from harness.scoring.checks.text import Expected

_POOLED_BY = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
_KEPT = 4096


def similarity(answer: str, expected: Expected, *, model: str | Path) -> Awaitable[Score]:
    """The cosine of the embeddings of answer and expected text, 0 where it is negative.

    To be awaited in an `async def` body. A model is loaded once in a process, on the CPU, and embeds one text at a time
    (so that what else runs never changes a score). Texts beyond its longest input are cut.

    Args:
        answer: the answer.
        expected: a text, or several of which the nearest counts.
        model: a folder, a hub id in the local cache, a .gguf file or `package:NAME`: a sentence-embedding model (its
            own pooling is used), or any other, whose last hidden states are averaged. A cosine of the latter is high
            for any two texts; take a threshold from examples.

    Returns:
        Score

    Raises:
        CheckError: the model can't embed texts; transformers is not installed.
        SettingsError: there is no such model.
    """
    texts = references(expected, "similarity")
    return wait_for("similarity", _similarity(answer_text(answer, "similarity"), texts, str(model)))


async def _similarity(answer: str, texts: tuple[str, ...], model: str) -> Score:
    if not answer.strip():
        return Score(0.0, "the answer is blank")
    cosine, nearest = await asyncio.get_running_loop().run_in_executor(_thread(), _nearest, answer, texts, model)
    return Score(min(max(cosine, 0.0), 1.0), f"cosine {cosine:.3f} with {shown(nearest)}")


@functools.cache
def _thread() -> concurrent.futures.ThreadPoolExecutor:
    """The one thread that loads models and embeds."""
    return concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="steelyard-similarity")


def _nearest(answer: str, texts: tuple[str, ...], model: str) -> tuple[float, str]:
    embedder = _embedder(model)
    return max((float(embedder.embed(answer) @ embedder.embed(text)), text) for text in texts)


@functools.cache
def _embedder(model: str) -> _Embedder:
    return _Embedder(model)


class _Embedder:
    """A loaded model that turns a text into a vector of length 1."""

    def __init__(self, model: str) -> None:
        from harness.models.weights.turns import loading_turn
        from harness.models.weights.weights import materialize

        with loading_turn():
            transformers = import_library("transformers", "similarity", "transformers")
            transformers.utils.logging.disable_progress_bar()
        folder = materialize({"weights": model}, Path.cwd())
        self._pooling = _pooling(folder)
        try:
            with loading_turn():
                self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
                self._model = transformers.AutoModel.from_pretrained(str(folder), dtype="float32").eval()
        except (OSError, ValueError, ImportError) as error:
            raise CheckError(f"similarity: {folder} can't be loaded: {error}") from error
        longest = getattr(self._model.config, "max_position_embeddings", None) or self._tokenizer.model_max_length
        self._longest = min(longest, self._tokenizer.model_max_length)
        self.embed = functools.lru_cache(maxsize=_KEPT)(self._embed)

    def _embed(self, text: str) -> Any:
        import torch

        tokens = self._tokenizer(text, truncation=True, max_length=self._longest, return_tensors="pt")
        if tokens["input_ids"].shape[1] == 0:
            raise CheckError(f"similarity: the tokenizer makes no token of {shown(text)}.")
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
        CheckError: it does so in a way that is not known here.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        return "mean"
    kinds = {
        str(module["type"]).rpartition(".")[2]: module["path"] for module in json.loads(modules.read_text("utf-8"))
    }
    unknown = set(kinds) - {"Transformer", "Pooling", "Normalize"}
    if unknown:
        raise CheckError(f"similarity: {modules} has the module {sorted(unknown)[0]}, which is not known here.")
    if "Pooling" not in kinds:
        return "mean"
    settings = json.loads((folder / kinds["Pooling"] / "config.json").read_text("utf-8"))
    modes = [settings["pooling_mode"]] if settings.get("pooling_mode") else []
    modes += [
        _POOLED_BY.get(name, name) for name, on in settings.items() if name.startswith("pooling_mode_") and on is True
    ]
    if len(modes) != 1 or modes[0] not in _POOLED_BY.values():
        raise CheckError(
            f"similarity: {folder} pools by {' and '.join(map(str, modes)) or 'nothing'}; "
            f"known are {', '.join(_POOLED_BY.values())}."
        )
    return str(modes[0])
