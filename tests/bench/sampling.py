"""Speed and memory of sampling, each with its goal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import project
from tests.bench.process import alternate, middle, pytest_command, run

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


def against_the_client(folder: Path, repeats: int) -> list[Figure]:
    """200 cases × 10 samples at 200 ms and 128 connections, and the CPU that each sample takes."""
    with server(0.2) as url:
        small = project.one_evaluation(folder / "small", 200, 10, project.endpoint(url))
        large = project.one_evaluation(folder / "large", 1000, 10, project.endpoint(url))
        gate = pytest_command("--concurrency", "128")
        client = [sys.executable, str(CLIENT), url]
        ours, theirs, ours_large, theirs_large = alternate(
            repeats,
            (gate, small),
            ([*client, "200", "10", "128"], small),
            (gate, large),
            ([*client, "1000", "10", "128"], large),
        )
    own_ms = (ours_large.cpu_s - ours.cpu_s) / 8000 * 1000
    their_ms = (theirs_large.cpu_s - theirs.cpu_s) / 8000 * 1000
    return [
        Figure(
            "200 cases × 10 samples at 200 ms, 128 connections: pytest from start to exit",
            ours.wall_s,
            "s",
            "no slower than the client",
            ours.wall_s <= theirs.wall_s,
            f"hand-written asyncio client, one request a sample: {theirs.wall_s:.2f} s",
        ),
        Figure(
            "CPU for each further sample, beyond the client's own",
            own_ms - their_ms,
            "ms",
            "≤ 0.3 ms",
            own_ms - their_ms <= 0.3,
            f"ours {own_ms:.3f} ms, the client {their_ms:.3f} ms",
        ),
    ]


def many_evaluations(folder: Path, repeats: int) -> list[Figure]:
    """100 evaluations of one case against one evaluation of the same size."""
    with server(0.2) as url:
        many = project.many_evaluations(folder / "many", 100, 20, project.endpoint(url))
        one = project.one_evaluation(folder / "one", 100, 20, project.endpoint(url))
        ours, single = alternate(repeats, (pytest_command(), many), (pytest_command(), one))
    more = ours.wall_s - single.wall_s
    name = "100 evaluations of 1 case × 20 samples at 200 ms, beyond one evaluation of the same size"
    return [Figure(name, more, "s", "≤ 1.5 s", more <= 1.5, f"{ours.wall_s:.2f} s against {single.wall_s:.2f} s")]


def stored(folder: Path, repeats: int) -> list[Figure]:
    """10,000 stored samples decided again."""
    place = project.one_evaluation(folder / "stored", 1000, 10, project.SCRIPTED)
    run(pytest_command(), place)
    took = middle([run(pytest_command("--offline"), place) for _ in range(repeats)])
    name = "10,000 stored samples decided again with --offline, pytest from start to exit"
    return [Figure(name, took.wall_s, "s", "≤ 2.5 s", took.wall_s <= 2.5, f"{took.cpu_s:.2f} s of CPU")]


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
