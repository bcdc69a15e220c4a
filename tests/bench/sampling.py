"""Speed and memory of sampling, each with its goal."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from harness.models.openai.engine import OpenAIEngine
from harness.records import Request
from tests.bench import project
from tests.bench.process import alternate, clean, pytest_command, run

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("client.py")


@dataclass(frozen=True)
class Figure:
    """One measured figure with its goal."""

    name: str
    value: float
    unit: str
    goal: str
    met: bool
    beside: str = ""


@contextmanager
def server(latency_s: float, *options: str) -> Iterator[str]:
    """A loopback endpoint in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.loopback", "--latency", str(latency_s), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def samples(folder: Path, repeats: int) -> list[Figure]:
    """The CPU of a further sample, drawn and replayed, as a ratio to a hand-written loop's: medians of rounds.

    The three take turns and are compared within a round, so that what slows the machine down slows them all.
    """
    with server(0) as url:
        rounds = [_further_ms(folder, url) for _ in range(repeats)]
    figures = []
    for column, (kind, most) in enumerate((("drawn", 3.0), ("replayed", 2.5)), start=1):
        ratio = median(each[column] / each[0] for each in rounds)
        beside = " against ".join(f"{median(each[number] for each in rounds):.3f} ms" for number in (column, 0))
        name = f"CPU of a further sample {kind} by a gate, against a loop that asks and stores"
        figures.append(Figure(name, ratio, "×", f"≤ {most}", ratio <= most, f"{beside}, {repeats} rounds"))
    return figures


def _further_ms(folder: Path, url: str) -> list[float]:
    """CPU of each further sample that the loop asks for, that a gate draws, and that it replays."""
    used_s = []
    for cases in (100, 1100):
        place = project.one_evaluation(folder / str(cases), cases, 20, project.endpoint(url))
        clean(place)
        drawn, replayed = (run(pytest_command(), place) for _ in range(2))
        clean(place)
        # Four times as many, for it takes little of what a process takes to start.
        loop = run([sys.executable, str(CLIENT), url, ".steelyard/store.db", str(4 * cases), "20", "128"], place)
        used_s.append((loop.cpu_s / 4, drawn.cpu_s, replayed.cpu_s))
    return [(large - small) * 1000 / (1000 * 20) for small, large in zip(*used_s, strict=True)]


def many_evaluations(folder: Path, repeats: int) -> list[Figure]:
    """100 evaluations of one case against one evaluation of the same size."""
    with server(0.2) as url:
        many = project.many_evaluations(folder / "many", 100, 20, project.endpoint(url))
        one = project.one_evaluation(folder / "one", 100, 20, project.endpoint(url))
        ours, single = alternate(repeats, (pytest_command(), many), (pytest_command(), one))
    more = ours.wall_s - single.wall_s
    name = "100 evaluations of 1 case × 20 samples at 200 ms, beyond one evaluation of the same size"
    return [Figure(name, more, "s", "≤ 1.5 s", more <= 1.5, f"{ours.wall_s:.2f} s against {single.wall_s:.2f} s")]


def replicas(_folder: Path, repeats: int) -> list[Figure]:
    """Requests a second of an engine on replicas that answer eight at once in 200 ms each, 128 requests in flight."""
    rates: dict[int, list[float]] = {1: [], 2: [], 4: []}
    with ExitStack() as stack:
        urls = [stack.enter_context(server(0.2, "--slots", "8")) for _ in range(max(rates))]
        for _ in range(repeats):
            for count, measured in rates.items():
                measured.append(asyncio.run(_requests_per_s(urls[:count])))
    one, figures = rates.pop(1), []
    for count, measured in rates.items():
        speed_up = median(many / alone for many, alone in zip(measured, one, strict=True))
        rate = f"{median(measured):.0f} against {median(one):.0f} requests/s, {repeats} rounds"
        name = f"{count} replicas of 200 ms and 8 at once each: requests a second, against one"
        beside = f"{rate}; the servers can do {40 * count}"
        figures.append(Figure(name, speed_up, "×", f"≥ {0.9 * count}", speed_up >= 0.9 * count, beside))
    return figures


async def _requests_per_s(urls: list[str]) -> float:
    number, room = 160 * len(urls), asyncio.Semaphore(128)
    engine = OpenAIEngine("bench", {"base_url": urls, "model": "bench"})

    async def ask(prompt: str) -> None:
        async with room:
            await engine.sample(Request(messages=({"role": "user", "content": prompt},)), [0])

    await engine.start()
    began_s = time.perf_counter()
    await asyncio.gather(*(ask(f"What is {index}?") for index in range(number)))
    took_s = time.perf_counter() - began_s
    await engine.close()
    return number / took_s


def memory(folder: Path, cases: int) -> list[Figure]:
    """Memory for each sample, and the peak of a large run that is decided again from the store."""
    small = project.one_evaluation(folder / "memory-small", cases // 10, 10, project.SCRIPTED)
    large = project.one_evaluation(folder / "memory-large", cases, 10, project.SCRIPTED)
    fresh = run(pytest_command(), small), run(pytest_command(), large)
    each_kb = (fresh[1].peak_mb - fresh[0].peak_mb) * 1024 / (cases * 9)
    again = run(pytest_command("--offline"), large)
    return [
        Figure("memory for each further sample", each_kb, "KB", "< 2 KB", each_kb < 2),
        Figure(
            f"{cases * 10:,} stored samples decided again: peak memory",
            again.peak_mb,
            "MB",
            "bounded",
            again.peak_mb < 2048,
            f"{again.wall_s:.0f} s; drawing them {fresh[1].wall_s:.0f} s, {fresh[1].peak_mb:.0f} MB",
        ),
    ]


def start_up(folder: Path, repeats: int) -> list[Figure]:
    """What the plugin costs where nothing is an evaluation."""
    place = project.no_evaluation(folder / "plain")
    with_it, without = alternate(repeats, (pytest_command(), place), (pytest_command("-p", "no:steelyard"), place))
    more = with_it.cpu_s - without.cpu_s
    name = "CPU that the plugin costs a run without evaluations"
    return [Figure(name, more, "s", "< 0.15 s", more < 0.15, f"{with_it.cpu_s:.2f} s against {without.cpu_s:.2f} s")]
