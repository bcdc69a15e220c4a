"""What comes of every kind of fault that an endpoint can have."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import EngineError
from harness.models.openai.engine import OpenAIEngine
from harness.models.openai.retry import RetryPolicy
from harness.records import Request
from tests.bench.endpoint_faults import RIGHT, Kind, kinds, right
from tests.bench.sampling import Figure
from tests.loopback.hostile import Hostile
from tests.scoring.confinement import trying
from tests.scoring.confinement.attempts import ATTEMPTS, KINDS

POLICY = RetryPolicy(within_s=0.3, first_s=0.3, first_delay_s=0.001, longest_delay_s=0.01)
TIMEOUT_S = 2.0
MOST_ATTEMPTS = 3


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
        Figure("Kinds of fault of an endpoint that were tried", len(came), "kinds", "≥ 90", len(came) >= 90, told),
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
    return [*figures, _escapes(), *map(_row, came)]


def _row(came: Came) -> Figure:
    """One line of the matrix."""
    name = f"{came.kind.layer}: {came.kind.name}"
    return Figure(
        name, came.attempts, "attempts", "", came.is_as_it_must, f"{came.always}; once: {came.once}; {came.said}"[:300]
    )


def _escapes() -> Figure:
    """How many attempts get out of the walls around a program, with the names of some that do."""
    names = [name for kind in KINDS.values() for name in kind]
    found = trying.escapes(names)
    out = [name for name in found if name in ATTEMPTS]
    beside = f"of {len(names)} tried" + (f": {', '.join(found[:5])}" if found else "")
    return Figure("checks.runs, built-in: attempts that get out", len(out), "", "0", not found, beside)
