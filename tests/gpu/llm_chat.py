"""Answers of `LLM.chat` in a process of its own: options and prompts in as JSON, answers out in the last line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.models.vllm.engine import engine_arguments, find_device
from harness.models.weights.weights import materialize


def answers(options: dict[str, Any], prompts: list[str], sampling: dict[str, Any]) -> list[str]:
    """One answer to each prompt."""
    from vllm import LLM, SamplingParams

    llm = LLM(str(materialize(options, Path.cwd())), **engine_arguments(options, find_device()))
    chats = [[{"role": "user", "content": text}] for text in prompts]
    outputs = llm.chat(chats, SamplingParams(**sampling), use_tqdm=False)
    return [output.outputs[0].text for output in outputs]


if __name__ == "__main__":
    print("\n" + json.dumps(answers(**json.load(sys.stdin))))
