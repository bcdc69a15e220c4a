"""The yardstick of a judge: sends each body of a file as a request, and says how many seconds all of them took."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp


async def main(url: str, bodies: list[str], connections: int) -> None:
    window = asyncio.Semaphore(connections)
    answers: list[str] = []

    async def ask(session: aiohttp.ClientSession, body: str) -> None:
        async with window, session.post(f"{url}/chat/completions", json=json.loads(body)) as response:
            document = json.loads(await response.read())
            answers.append(json.loads(document["choices"][0]["message"]["content"])["score"])

    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(ask(session, body) for body in bodies))
    assert len(answers) == len(bodies)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_text().splitlines(), int(sys.argv[3])))
