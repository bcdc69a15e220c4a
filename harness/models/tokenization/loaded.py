"""A version's tokenizer as its engine loads it, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.models.processes.worker import WaitingWorker
from harness.models.spec import engine_spec
from harness.models.weighing import context_tokens
from harness.models.weights.weights import materialize, tokenizer_path


class LoadedTokenizer(WaitingWorker):
    """The tokenizer that an engine gets of a version's folder.

    Each question raises `SettingsError` where it can't be loaded, and `EngineError` where it can't be answered.

    Args:
        engine: the version's.
        options: the settings of its weights.
        root: folder that relative paths start from.
    """

    def __init__(self, engine: str, options: Mapping[str, Any], root: Path) -> None:
        start = {"engine": engine, "options": dict(options), "root": str(root)}
        super().__init__(f"{__name__}:_EngineTokenizer", start, name="The tokenizer")

    @property
    def kind(self) -> str:
        """The class that was chosen for it."""
        return str(self.ask("kind"))

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, without those that are put around it."""
        return list(self.ask("encode", text=text))

    def prompt(self, text: str) -> list[int]:
        """The tokens that a completion of a text follows, with those that are put before it."""
        return list(self.ask("prompt", text=text))

    def chat(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """The tokens that an answer in a chat follows."""
        return list(self.ask("chat", messages=[dict(message) for message in messages]))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        return str(self.ask("decode", ids=list(ids)))


class _EngineTokenizer:
    """The tokenizer in its process, loaded as the engine does where nothing is said beyond the folder."""

    def __init__(self, engine: str, options: Mapping[str, Any], root: str) -> None:
        folder = str(tokenizer_path(options, Path(root)) or materialize(options, Path(root)))
        self._tokenizer = engine_spec(engine).load_tokenizer(folder)

    def kind(self) -> str:
        return type(self._tokenizer).__name__

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def prompt(self, text: str) -> list[int]:
        return context_tokens(self._tokenizer, text)

    def chat(self, messages: list[dict[str, Any]]) -> list[int]:
        options = {"tokenize": True, "add_generation_prompt": True, "return_dict": False}
        return list(self._tokenizer.apply_chat_template(messages, **options))

    def decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False))
