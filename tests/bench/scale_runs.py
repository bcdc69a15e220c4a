"""Workers and gates as processes on one PostgreSQL store, against an endpoint in this process that counts."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil

from harness.store import Store
from tests import warm
from tests.bench import project
from tests.bench.process import pytest_command
from tests.loopback.server import Options
from tests.loopback.thread import Loopback
from tests.store.postgres import Cluster, server_programs

_STEP_S = 0.02
_names = count()


@dataclass
class Phase:
    """What workers came to.

    Attributes:
        wall_s: from the start of the first to the end of the last.
        cpu_s: of all of them, which begin with everything imported.
        arrivals: (time, requests that had come) as the endpoint counted them.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    arrivals: list[tuple[float, int]] = field(default_factory=list)

    def best_rate(self, window_s: float) -> float:
        """The most requests a second over any such window."""
        best, begin = 0.0, 0
        for at, n in self.arrivals:
            while at - self.arrivals[begin + 1][0] >= window_s:
                begin += 1
            since, before = self.arrivals[begin]
            if at - since >= window_s:
                best = max(best, (n - before) / (at - since))
        return best


@contextmanager
def cluster(*options: str) -> Iterator[Cluster]:
    """A server for the benchmark alone."""
    programs = server_programs()
    if programs is None:
        raise RuntimeError("no PostgreSQL: apt-get install postgresql")
    with Cluster(programs, *options) as running:
        yield running


def new_database(server: Cluster) -> str:
    """The address of an empty database."""
    import psycopg

    name = f"scale_{next(_names)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    return f"{server.url.rpartition('/')[0]}/{name}"


@contextmanager
def endpoint(latency_s: float) -> Iterator[Loopback]:
    """One that answers so late."""
    loopback = Loopback(Options(latency_s=latency_s))
    try:
        yield loopback
    finally:
        loopback.stop()


def project_at(folder: Path, loopback: Loopback, cases: int, samples: int) -> Path:
    """A project of one evaluation of a version behind the endpoint."""
    return project.one_evaluation(folder, cases, samples, project.endpoint(loopback.base_url))


def start(place: Path, url: str, *arguments: str) -> warm.Process:
    """Start a session of pytest on a store, with its own report folder, in a process that has imported everything."""
    own = f"{next(_names)}"
    command = pytest_command("--store", url, "--report-dir", f"reports/{own}", *arguments)
    with (place / f"{own}.log").open("wb") as log:
        return warm.start(*command[1:], cwd=place, stdout=log, stderr=subprocess.STDOUT)


def run_all(loopback: Loopback, place: Path, url: str, sessions: Sequence[Sequence[str]]) -> Phase:
    """Start sessions at once and wait for all; each must end well."""
    phase, first = Phase(), loopback.stats["requests"]
    began = time.monotonic()
    running = [start(place, url, *each) for each in sessions]
    watched = {each.pid: psutil.Process(each.pid) for each in running}
    used_s: dict[int, float] = {}
    while any(each.poll() is None for each in running):
        phase.arrivals.append((time.monotonic(), loopback.stats["requests"] - first))
        for pid, process in watched.items():
            with suppress(psutil.Error):
                used = process.cpu_times()
                used_s[pid] = used.user + used.system
        time.sleep(_STEP_S)
    if any(each.returncode for each in running):
        raise RuntimeError(f"{place}: sessions ended with {[each.returncode for each in running]}")
    phase.wall_s, phase.cpu_s = time.monotonic() - began, sum(used_s.values())
    return phase


def stored(url: str) -> int:
    """Samples in a store."""
    with Store.open(url, readonly=True) as store:
        return store.info().samples


def times_asked(loopback: Loopback) -> Counter[str]:
    """How often each question came."""
    return Counter(str(body["messages"][-1]["content"]) for body in loopback.received)


def kill_workers(loopback: Loopback, place: Path, url: str, kills: int, arguments: Sequence[str], seed: int) -> int:
    """Keep three workers running, and kill the oldest so many times, each after the endpoint has had 20 to 60 requests
    more; then wait for the others. Gives the requests of all three that were in flight when one was killed.
    """
    chosen, in_flight = random.Random(seed), 0
    running = [start(place, url, *arguments) for _ in range(3)]
    try:
        for _ in range(kills):
            wanted = loopback.stats["requests"] + chosen.randint(20, 60)
            while loopback.stats["requests"] < wanted and running[-1].poll() is None:
                time.sleep(_STEP_S)
            in_flight += loopback.stats["in_flight"]
            victim = running.pop(0)
            victim.kill()
            victim.wait()
            running.append(start(place, url, *arguments))
        for each in running:
            if code := each.wait():
                raise RuntimeError(f"{place}: a worker ended with {code}")
    finally:
        for each in running:
            each.kill()
            each.wait()
    return in_flight
