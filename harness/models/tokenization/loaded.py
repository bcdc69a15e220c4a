"""A version's tokenizer as its engine loads it, in a process of its own: no engine is started for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.processes.answering import AnsweringProcess

_MODULE = "harness.models.tokenization.loading"


class LoadedTokenizer:
    """The tokenizer that an engine gets of a version's folder: vLLM's loader, or `AutoTokenizer` of transformers.

    Args:
        engine: the version's.
        options: the settings of its weights.
        root: folder that relative paths start from.

    Attributes:
        kind: the class that was chosen for it.

    Raises:
        EngineError: it can't be loaded.
    """

    def __init__(self, engine: str, options: Mapping[str, Any], root: Path) -> None:
        self._process = AnsweringProcess("The process that loads the tokenizer", _MODULE)
        try:
            self.kind = str(self._ask({"engine": engine, "options": dict(options), "root": str(root)}))
        except EngineError:
            self.close()
            raise

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

    def _ask(self, request: Mapping[str, Any]) -> Any:
        reply = self._process.ask(request)
        if "error" in reply:
            raise EngineError(f"The tokenizer, as the engine loads it: {reply['error']}")
        return reply["answer"]

    def close(self) -> None:
        """End the process."""
        self._process.close()
