"""The yardstick: a hand-written asyncio client that sends the same requests one by one and keeps the answers."""

from __future__ import annotations

import argparse
import asyncio
import json

import aiohttp


async def main(url: str, cases: int, samples: int, connections: int) -> None:
    window = asyncio.Semaphore(connections)
    answers: list[str] = []

    async def ask(session: aiohttp.ClientSession, prompt: str) -> None:
        body = {"model": "bench", "messages": [{"role": "user", "content": prompt}]}
        async with window, session.post(f"{url}/chat/completions", json=body) as response:
            document = json.loads(await response.read())
            answers.append(document["choices"][0]["message"]["content"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        prompts = [f"What is {number}?" for number in range(cases) for _ in range(samples)]
        await asyncio.gather(*(ask(session, prompt) for prompt in prompts))
    assert len(answers) == cases * samples


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    for name in ("cases", "samples", "connections"):
        parser.add_argument(name, type=int)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.url, arguments.cases, arguments.samples, arguments.connections))
