"""An application as a version: what a call costs, and how fast many of them end beside an endpoint."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from harness.config import VersionSettings
from harness.models.application.declarations import PYTHON
from harness.records import Request
from tests.bench import project
from tests.bench.process import alternate, pytest_command
from tests.bench.sampling import Figure, server

CALLS = 10_000
WARM = 1_000
CALL_MS = 0.2
NO_SLOWER_S = 0.3
"""How much later than the endpoint's a run may end: it starts a process more."""
_CODE = """
import asyncio

async def coroutine(prompt):
    return prompt

def function(prompt):
    return prompt

async def slow(prompt):
    await asyncio.sleep(0.2)
    return prompt
"""


def application(folder: Path, repeats: int) -> list[Figure]:
    """CPU of a call of each kind, in both processes; and 200 cases × 10 samples of 0.2 s beside an endpoint."""
    (folder / "bot.py").write_text(_CODE)
    costs = {
        kind: median(_cost_ms(folder, f"bot:{kind}") for _ in range(repeats)) for kind in ("coroutine", "function")
    }
    ours, endpoint = _beside_an_endpoint(folder, repeats)
    beside = f"both processes, between {WARM:,} and {WARM + CALLS:,} calls, 128 at a time"
    figures = [
        Figure(f"An application: CPU of a call of a {kind}", cost, "ms", f"≤ {CALL_MS} ms", cost <= CALL_MS, beside)
        for kind, cost in costs.items()
    ]
    later_s = ours - endpoint
    return [
        *figures,
        Figure(
            "An application: 200 cases × 10 samples of a coroutine of 200 ms, beyond an endpoint of 200 ms",
            later_s,
            "s",
            f"≤ {NO_SLOWER_S} s",
            later_s <= NO_SLOWER_S,
            f"pytest from start to exit: {ours:.2f} s against {endpoint:.2f} s",
        ),
    ]


def _cost_ms(folder: Path, call: str) -> float:
    few, many = (_calls(folder, call, number) for number in (WARM, WARM + CALLS))
    return (many - few) / CALLS * 1000


def _calls(folder: Path, call: str, number: int) -> float:
    """CPU seconds of this process and of the application's for so many calls, its start and end among them."""
    requests = [Request(messages=({"role": "user", "content": f"What is {each}?"},)) for each in range(number)]
    before = _cpu_s()
    asyncio.run(_ask(folder, call, requests))
    return _cpu_s() - before


async def _ask(folder: Path, call: str, requests: Sequence[Request]) -> None:
    engine = PYTHON.create(VersionSettings("bench", "python", engine_options={"call": call}), folder)
    window = asyncio.Semaphore(128)

    async def ask(request: Request) -> None:
        async with window:
            await engine.sample(request, [0])

    await engine.start()
    try:
        await asyncio.gather(*map(ask, requests))
    finally:
        await engine.close()


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _beside_an_endpoint(folder: Path, repeats: int) -> tuple[float, float]:
    """Seconds from pytest's start to its exit, of the application and of the endpoint."""
    with server(0.2) as url:
        version = '[models.bench]\nengine = "python"\ncall = "bot:slow"\n'
        own = project.one_evaluation(folder / "own", 200, 10, version)
        (own / "bot.py").write_text(_CODE)
        other = project.one_evaluation(folder / "other", 200, 10, project.endpoint(url))
        gate = pytest_command("--concurrency", "128")
        ours, theirs = alternate(repeats, (gate, own), (gate, other))
    return ours.wall_s, theirs.wall_s
