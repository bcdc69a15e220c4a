"""The child process that loads a tokenizer as an engine does: `python -m harness.models.tokenization.loading`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from harness.models.processes.answering import Answering, answer_messages
from harness.models.weighing import context_tokens
from harness.models.weights.weights import materialize, tokenizer_path


def main() -> None:
    """Load the tokenizer that the first message describes, and answer."""
    answer_messages(_loaded)


def _loaded(start: dict[str, Any]) -> tuple[str, Answering]:
    """The name of the tokenizer's class, and what it answers."""
    tokenizer = load(start["engine"], start["options"], Path(start["root"]))
    return type(tokenizer).__name__, partial(answer, tokenizer)


def load(engine: str, options: dict[str, Any], root: Path) -> Any:
    """The tokenizer of a version, loaded as its engine does where nothing is said beyond the folder."""
    folder = str(tokenizer_path(options, root) or materialize(options, root))
    if engine == "vllm":
        from vllm.tokenizers import get_tokenizer

        return get_tokenizer(folder)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def answer(tokenizer: Any, request: dict[str, Any]) -> Any:
    """Encode a text, decode tokens, or write a chat as tokens."""
    if request["ask"] == "encode":
        return list(tokenizer.encode(request["text"], add_special_tokens=False))
    if request["ask"] == "prompt":
        return context_tokens(tokenizer, request["text"])
    if request["ask"] == "decode":
        return tokenizer.decode(request["ids"], skip_special_tokens=False)
    return list(
        tokenizer.apply_chat_template(request["messages"], tokenize=True, add_generation_prompt=True, return_dict=False)
    )


if __name__ == "__main__":
    main()
