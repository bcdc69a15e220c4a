"""What a check costs, and 100 programs at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import checks
from harness.requests.bridge import call_body
from tests.bench.sampling import Figure

WORDS = "The cat sat on the mat and looked at 1,250 birds, which it did not catch, before it fell asleep. " * 5
ANSWERS = [f"{WORDS} {number}" for number in range(200)]
RECORD = '{"name": "Ada", "age": 36, "tags": ["a", "b"]}'
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "tags": {"items": {"type": "string"}}},
    "required": ["name", "age"],
}
PROGRAMS = 100


def costs(_folder: Path) -> list[Figure]:
    """Each check of an answer of 500 characters, and programs beside processes that do nothing."""
    expected = WORDS.replace("cat", "dog")
    by_name: dict[str, Callable[[str], Any]] = {
        "exact": lambda answer: checks.exact(answer, expected),
        "normalised": lambda answer: checks.normalised(answer, expected),
        "contains": lambda answer: checks.contains(answer, "birds"),
        "matches": lambda answer: checks.matches(answer, r"\bbirds\b"),
        "numeric": lambda answer: checks.numeric(answer, 7),
        "follows_schema": lambda _: checks.follows_schema(RECORD, SCHEMA),
        "token_f1": lambda answer: checks.token_f1(answer, expected),
        "rouge": lambda answer: checks.rouge(answer, expected),
        "bleu": lambda answer: checks.bleu(answer, expected),
        "chrf": lambda answer: checks.chrf(answer, expected),
    }
    figures = [
        Figure(f"checks.{name}, a call", _milliseconds(check), "ms", "", True) for name, check in by_name.items()
    ]
    return [*figures, *_programs()]


def _milliseconds(check: Callable[[str], Any]) -> float:
    check(ANSWERS[0])
    start = time.perf_counter()
    for answer in ANSWERS:
        check(answer)
    return (time.perf_counter() - start) / len(ANSWERS) * 1000


def _programs() -> list[Figure]:
    async def body() -> list[Any]:
        program = "def double(x): return x + x"
        return await asyncio.gather(*(checks.runs(program, tests="assert double(2) == 4") for _ in range(PROGRAMS)))

    asyncio.run(call_body(lambda: checks.runs("pass"), {}))
    start = time.perf_counter()
    assert all(score.value == 1 for score in asyncio.run(call_body(body, {})))
    took_s = time.perf_counter() - start
    bare_s = _bare_s()
    beside = f"{PROGRAMS} processes of `python -S -c pass` as many at once: {bare_s:.1f} s"
    return [Figure(f"checks.runs, {PROGRAMS} programs at once on {_cores()} cores", took_s, "s", "", True, beside)]


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _bare_s() -> float:
    """Seconds that as many processes take which do nothing, as many at once as there are cores."""
    start = time.perf_counter()
    command = [sys.executable, "-S", "-c", "pass"]
    for _ in range(0, PROGRAMS, _cores()):
        for process in [subprocess.Popen(command) for _ in range(_cores())]:
            process.wait()
    return time.perf_counter() - start
