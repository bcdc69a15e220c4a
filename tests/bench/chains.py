"""The yardstick of a metric that asks in steps: for each answer two requests at once, then one, then one more."""

from __future__ import annotations

import argparse
import asyncio
import json

import aiohttp

_LENGTH = 2000


async def main(url: str, answers: int, connections: int) -> None:
    window = asyncio.Semaphore(connections)
    count = 0

    async def ask(session: aiohttp.ClientSession, text: str) -> None:
        nonlocal count
        body = {"model": "bench", "messages": [{"role": "user", "content": text.ljust(_LENGTH)}]}
        async with window, session.post(f"{url}/chat/completions", json=body) as response:
            json.loads(json.loads(await response.read())["choices"][0]["message"]["content"])
            count += 1

    async def chain(session: aiohttp.ClientSession, number: int) -> None:
        await asyncio.gather(ask(session, f"truths {number}"), ask(session, f"claims {number}"))
        await ask(session, f"verdicts {number}")
        await ask(session, f"reason {number}")

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(chain(session, number) for number in range(answers)))
    assert count == 4 * answers


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    for name in ("answers", "connections"):
        parser.add_argument(name, type=int)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.url, arguments.answers, arguments.connections))
