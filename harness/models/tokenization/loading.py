"""The child process that loads a tokenizer as an engine does: `python -m harness.models.tokenization.loading`.

Requests come in on the standard input and answers leave on what was the standard output, as frames.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from harness.models.processes.frames import encode_frame, read_frame
from harness.models.weighing import context_tokens
from harness.models.weights.weights import materialize, tokenizer_path


def main() -> None:
    """Load the tokenizer that the first frame describes, then answer until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    start = read_frame(sys.stdin.buffer) or {}
    try:
        tokenizer = load(start["engine"], start["options"], Path(start["root"]))
    except Exception as error:  # noqa: BLE001  whatever a tokenizer's code raises must reach the parent
        answers.write(encode_frame({"error": f"{type(error).__name__}: {error}"}))
        return
    answers.write(encode_frame({"answer": type(tokenizer).__name__}))
    while (request := read_frame(sys.stdin.buffer)) is not None:
        try:
            reply = {"answer": answer(tokenizer, request)}
        except Exception as error:  # noqa: BLE001  as above
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(encode_frame(reply))


def load(engine: str, options: dict[str, Any], root: Path) -> Any:
    """The tokenizer of a version, loaded as its engine does where nothing is said beyond the folder."""
    folder = str(tokenizer_path(options, root) or materialize(options, root))
    if engine == "vllm":
        from vllm.tokenizers import get_tokenizer

        return get_tokenizer(folder)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def answer(tokenizer: Any, request: dict[str, Any]) -> Any:
    """What the tokenizer makes of a text, of tokens, or of a chat."""
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
