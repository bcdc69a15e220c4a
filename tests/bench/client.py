"""The yardstick: a hand-written asyncio loop that asks for the samples of each case at once and stores the answers."""

from __future__ import annotations

import asyncio
import sqlite3
import sys

import aiohttp


async def main(url: str, file: str, cases: int, samples: int, connections: int) -> None:
    window = asyncio.Semaphore(connections)
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = wal")
    database.execute("CREATE TABLE samples (prompt TEXT, number INTEGER, answer TEXT, PRIMARY KEY (prompt, number))")

    async def ask(session: aiohttp.ClientSession, prompt: str) -> None:
        body = {"model": "bench", "n": samples, "messages": [{"role": "user", "content": prompt}]}
        async with window, session.post(f"{url}/chat/completions", json=body) as response:
            choices = (await response.json())["choices"]
        with database:
            rows = [(prompt, choice["index"], choice["message"]["content"]) for choice in choices]
            database.executemany("INSERT INTO samples VALUES (?, ?, ?)", rows)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(ask(session, f"What is {number}?") for number in range(cases)))
    ((stored,),) = database.execute("SELECT count(*) FROM samples")
    assert stored == cases * samples


if __name__ == "__main__":
    url, file, *numbers = sys.argv[1:]
    asyncio.run(main(url, file, *map(int, numbers)))
