"""A version's tokenizer as its engine loads it, in a process of its own: no engine is started for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from harness.config import child_environment
from harness.errors import EngineError
from harness.models.processes.frames import encode_frame, read_frame

_MODULE = "harness.models.tokenization.loading"
_ALONE = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "VLLM_NO_USAGE_STATS": "1"}


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
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(_ALONE),
            start_new_session=True,
        )
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
        requests, answers = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        try:
            requests.write(encode_frame(dict(request)))
            requests.flush()
            reply = read_frame(answers)
        except OSError:
            reply = None
        if reply is None:
            raise EngineError(f"The process that loads the tokenizer ended with exit code {self._process.wait()}.")
        if "error" in reply:
            raise EngineError(f"The tokenizer, as the engine loads it: {reply['error']}")
        return reply["answer"]

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()
