"""A closed loop as `vllm bench serve` makes one: `python -m tests.bench.closed_loop URL MODEL SIZE…`.

The sizes are requests, requests in flight, tokens of a prompt and of an answer. It sends with vLLM's own functions for
benchmarks, over aiohttp, each request behind a semaphore. (The command itself does not start in the build for CPUs.)
The last line printed is JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp
import numpy as np
from vllm.benchmarks.lib.endpoint_request_func import RequestFuncInput, async_request_openai_chat_completions

from harness.stages.inference.load.plan import LoadPlan, planned_prompts


async def loop(
    url: str, model: str, requests: int, in_flight: int, prompt_tokens: int, tokens: int
) -> dict[str, float]:
    """Requests answered, and output tokens per second of all of them."""
    plan = LoadPlan(concurrency=in_flight, prompt_tokens=prompt_tokens)
    prompts = planned_prompts(plan, requests, np.random.default_rng(time.time_ns()))
    semaphore = asyncio.Semaphore(in_flight)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=in_flight), timeout=aiohttp.ClientTimeout(total=3600)
    ) as session:

        async def one(prompt: str) -> int:
            asked = RequestFuncInput(
                prompt=prompt,
                api_url=f"{url}/chat/completions",
                prompt_len=prompt_tokens,
                output_len=tokens,
                model=model,
                ignore_eos=True,
            )
            async with semaphore:
                answer = await async_request_openai_chat_completions(asked, session)
            return answer.output_tokens if answer.success else 0

        began_s, used_s = time.perf_counter(), time.process_time()
        counts = await asyncio.gather(*(one(str(each.text)) for each in prompts))
    tokens_per_s, cpu_s = sum(counts) / (time.perf_counter() - began_s), time.process_time() - used_s
    return {"answered": sum(map(bool, counts)), "tokens_per_s": tokens_per_s, "cpu_s": cpu_s}


if __name__ == "__main__":
    url, model, *numbers = sys.argv[1:]
    print(json.dumps(asyncio.run(loop(url, model, *map(int, numbers)))))
