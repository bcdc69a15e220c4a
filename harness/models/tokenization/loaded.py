"""A version's tokenizer as its engine loads it, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.models.processes.answering import Answering, AskedProcess, answer_messages
from harness.models.weighing import context_tokens
from harness.models.weights.weights import materialize, tokenizer_path


class LoadedTokenizer:
    """The tokenizer that an engine gets of a version's folder: vLLM's loader, or `AutoTokenizer` of transformers.

    Each question raises `SettingsError` where it can't be loaded, and `EngineError` where it can't be answered.

    Args:
        engine: the version's.
        options: the settings of its weights.
        root: folder that relative paths start from.
    """

    def __init__(self, engine: str, options: Mapping[str, Any], root: Path) -> None:
        start = {"engine": engine, "options": dict(options), "root": str(root)}
        self._process = AskedProcess(
            "The process that loads the tokenizer", "harness.models.tokenization.loaded", start
        )
        self._ask, self.close = self._process.ask, self._process.close

    @property
    def kind(self) -> str:
        """The class that was chosen for it."""
        return str(self._ask({"ask": "kind"}))

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, without those that are put around it."""
        return list(self._ask({"ask": "encode", "text": text}))

    def prompt(self, text: str) -> list[int]:
        """The tokens that a completion of a text follows, with those that are put before it."""
        return list(self._ask({"ask": "prompt", "text": text}))

    def chat(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """The tokens that an answer in a chat follows."""
        return list(self._ask({"ask": "chat", "messages": [dict(message) for message in messages]}))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        return str(self._ask({"ask": "decode", "ids": list(ids)}))


def _loaded(start: dict[str, Any]) -> tuple[bool, Answering]:
    """Load the tokenizer as its engine does where nothing is said beyond the folder."""
    options, root = start["options"], Path(start["root"])
    folder = str(tokenizer_path(options, root) or materialize(options, root))
    if start["engine"] == "vllm":
        from vllm.tokenizers import get_tokenizer

        return True, partial(_answer, get_tokenizer(folder))
    from transformers import AutoTokenizer

    return True, partial(_answer, AutoTokenizer.from_pretrained(folder))


def _answer(tokenizer: Any, request: dict[str, Any]) -> Any:
    match request["ask"]:
        case "kind":
            return type(tokenizer).__name__
        case "encode":
            return list(tokenizer.encode(request["text"], add_special_tokens=False))
        case "prompt":
            return context_tokens(tokenizer, request["text"])
        case "decode":
            return tokenizer.decode(request["ids"], skip_special_tokens=False)
    return list(
        tokenizer.apply_chat_template(request["messages"], tokenize=True, add_generation_prompt=True, return_dict=False)
    )


if __name__ == "__main__":
    answer_messages(_loaded)
