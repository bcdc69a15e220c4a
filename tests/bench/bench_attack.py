"""What comes of every kind of fault that an endpoint can have, and what a hostile one costs in memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import EngineError
from harness.models.openai.engine import OpenAIEngine
from harness.models.openai.retry import RetryPolicy
from harness.records import Request
from tests.bench.endpoint_faults import RIGHT, Kind, costly, kinds, right
from tests.bench.sampling import ROOT, Figure
from tests.loopback.hostile import Hostile
from tests.scoring.confinement import trying
from tests.scoring.confinement.attempts import ATTEMPTS, KINDS

POLICY = RetryPolicy(within_s=0.3, first_delay_s=0.001, longest_delay_s=0.01, refused_attempts=5)
TIMEOUT_S = 2.0
MOST_ATTEMPTS = 3
AT_ONCE = 32
MOST_MB = 500


@dataclass(frozen=True)
class Came:
    """What came of one kind.

    Attributes:
        always: what comes where every answer is like that: "error", "right", "told", or "scored" for a wrong answer
            that was taken for one.
        once: what comes where the first answer is like that and the next ones are right.
        attempts: requests of the first.
        said: its error, or why the answer has no text.
    """

    kind: Kind
    always: str
    once: str
    attempts: int
    said: str

    @property
    def is_as_it_must(self) -> bool:
        """Whether it came to what it must, and in few attempts where more could not help."""
        few = self.attempts <= MOST_ATTEMPTS or not self.kind.lasts
        return self.always == self.kind.outcome and self.once in (self.kind.outcome, "right") and few


def serve(tried: Sequence[Kind]) -> Hostile:
    """A server that has these kinds, by their positions."""
    return Hostile({str(position): kind.reply for position, kind in enumerate(tried)}, right())


async def try_kinds(server: Hostile, tried: Sequence[Kind], at_once: int = 16) -> list[Came]:
    """What comes of each kind that the server has."""
    window = asyncio.Semaphore(at_once)

    async def one(position: int, kind: Kind) -> Came:
        async with window:
            always, said, attempts = await _ask(server, kind, f"{position}/always")
            once, _, _ = await _ask(server, kind, f"{position}/once")
            return Came(kind, always, once, attempts, said)

    return await asyncio.gather(*(one(position, kind) for position, kind in enumerate(tried)))


async def _ask(server: Hostile, kind: Kind, place: str) -> tuple[str, str, int]:
    """What comes of one request, what is said of it, and how often it was sent."""
    bases = {"server": server.base, "nobody": "http://127.0.0.1:9", "tls": server.base.replace("http", "https")}
    options = {"base_url": f"{bases[kind.at]}/{place}/v1", "model": "m", "timeout_s": TIMEOUT_S}
    engine = OpenAIEngine("v", options, policy=POLICY)
    await engine.start()
    try:
        (sample,) = await engine.sample(Request(messages=({"role": "user", "content": "Q"},)), [0])
    except EngineError as error:
        return "error", str(error), engine.http_requests
    finally:
        await engine.close()
    if sample.lack is not None:
        return "told", sample.lack, engine.http_requests
    return "right" if sample.text == RIGHT else "scored", sample.text, engine.http_requests


def attack(_folder: Path) -> list[Figure]:
    """The fault matrix: how many kinds are scored, and whether all come to what they must; programs that get out."""
    every = kinds()
    with serve(every) as server:
        began = time.perf_counter()
        came = asyncio.run(try_kinds(server, every))
        took_s = time.perf_counter() - began
    scored = [each.kind.name for each in came if "scored" in (each.always, each.once)]
    astray = [each.kind.name for each in came if not each.is_as_it_must]
    outcomes = Counter(each.always for each in came)
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    figures = [
        Figure("Kinds of fault of an endpoint that were tried", len(came), "kinds", "≥ 120", len(came) >= 120, told),
        Figure("Kinds of fault that were scored", len(scored), "kinds", "0", not scored, "; ".join(scored)),
        Figure(
            "Kinds that came to something else than they must, or after more than 3 attempts that could not help",
            len(astray),
            "kinds",
            "0",
            not astray,
            "; ".join(astray),
        ),
        Figure("All of them, each twice", took_s, "s", "", True),
    ]
    return [*figures, _escapes(), *_costs(), *map(_row, came)]


def _row(came: Came) -> Figure:
    """One line of the matrix."""
    name = f"{came.kind.layer}: {came.kind.name}"
    return Figure(
        name, came.attempts, "attempts", "", came.is_as_it_must, f"{came.always}; once: {came.once}; {came.said}"[:300]
    )


def _costs() -> list[Figure]:
    """The peak memory of a process that sends 32 requests at once to a hostile endpoint."""
    peaks = {name: peak_mb(name) for name in costly() if name != "nothing hostile"}
    worst = max(peaks, key=lambda name: peaks[name])
    figures = [Figure(f"{AT_ONCE} requests at once: {name}", peak, "MB", "", True) for name, peak in peaks.items()]
    beside = f"{worst}; nothing hostile: {peak_mb('nothing hostile'):.0f} MB"
    met = peaks[worst] <= MOST_MB
    name = f"Peak memory of {AT_ONCE} requests at once to a hostile endpoint"
    return [Figure(name, peaks[worst], "MB", f"≤ {MOST_MB} MB", met, beside), *figures]


def peak_mb(name: str) -> float:
    """The peak memory of a process of its own that asks a hostile endpoint."""
    with Hostile({"0": costly()[name]()}, right()) as server:
        command = [sys.executable, "-m", "tests.bench.bench_attack", server.base]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    return float(done.stdout)


async def _ask_at_once(base: str) -> None:
    options = {"base_url": f"{base}/0/always/v1", "model": "m", "timeout_s": 100}
    engine = OpenAIEngine("v", options, policy=replace(POLICY, malformed_attempts=1))
    await engine.start()
    request = Request(messages=({"role": "user", "content": "Q"},))
    asked = (engine.sample(request, [0]) for _ in range(AT_ONCE))
    await asyncio.gather(*asked, return_exceptions=True)
    await engine.close()


def _escapes() -> Figure:
    """How many attempts get out of the walls around a program, with the names of some that do."""
    names = [name for kind in KINDS.values() for name in kind]
    found = trying.escapes(names)
    out = [name for name in found if name in ATTEMPTS]
    beside = f"of {len(names)} tried" + (f": {', '.join(found[:5])}" if found else "")
    return Figure("checks.runs, built-in: attempts that get out", len(out), "", "0", not found, beside)


if __name__ == "__main__":
    asyncio.run(_ask_at_once(sys.argv[1]))
    # Not by getrusage: that peak counts what the process was before it became this program, a copy of its parent.
    (peak,) = (
        line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    print(int(peak) / 1024)
