"""Code that runs, as a check."""

from __future__ import annotations

import asyncio
import os

import pytest

from harness import Score, checks
from harness.errors import CheckError
from harness.requests.bridge import call_body
from harness.scoring.checks.execution import _threads
from tests.processes import descendants
from tests.waiting import until

DOUBLE = "def double(x): return 2 * x"


def test_a_def_body_gets_the_score() -> None:
    score = asyncio.run(call_body(lambda: checks.runs(DOUBLE, tests="assert double(2) == 4"), {}))
    assert score == Score(1.0)


def test_an_async_body_awaits_the_score() -> None:
    async def body() -> Score:
        return await checks.runs(DOUBLE, tests=["assert double(2) == 4", "assert double(2) == 5"])

    assert asyncio.run(call_body(body, {})) == Score(0.0, "AssertionError (line 2 of the tests: assert double(2) == 5)")


@pytest.mark.service
def test_many_run_at_once_each_with_its_own_result() -> None:
    async def body() -> list[Score]:
        return await asyncio.gather(*(checks.runs(f"x = {n}", tests="assert x % 2 == 0") for n in range(8)))

    assert [score.value for score in asyncio.run(call_body(body, {}))] == [1, 0] * 4


def test_a_body_that_is_cancelled_ends_its_program() -> None:
    async def body() -> None:
        before = descendants(os.getpid())
        task = asyncio.ensure_future(checks.runs("import signal; signal.pause()", timeout_s=3600))
        await until(lambda: descendants(os.getpid()) - before)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(call_body(body, {}))
    workers = _threads()._max_workers
    assert [future.result() for future in [_threads().submit(int) for _ in range(workers)]] == [0] * workers


@pytest.mark.service
def test_the_limits_are_those_that_were_given() -> None:
    code = "x = bytearray(200 << 20)"
    assert asyncio.run(call_body(lambda: checks.runs(code), {})) == Score(1.0)
    tight = asyncio.run(call_body(lambda: checks.runs(code, memory_bytes=128 << 20), {}))
    assert tight == Score(0.0, "needs more than 128 MiB of memory")
    slow = asyncio.run(call_body(lambda: checks.runs("while True: pass", timeout_s=0.2), {}))
    assert slow == Score(0.0, "still ran after 0.2 s")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"code": None}, "runs: the answer is no text but NoneType"),
        ({"tests": 7}, "tests = 7; give Python as a text"),
        ({"tests": []}, "tests = [] test nothing; leave them out"),
        ({"tests": "  "}, "test nothing"),
        ({"tests": "import math\n\ndef check(f):\n    assert f(2) == 4"}, "tests define functions and call none"),
        (
            {"tests": ["NAME = 'double'", "class T:\n    def test(self): double(2)"]},
            "tests define functions and call none",
        ),
        ({"tests": ["a", 7]}, "give Python as a text, or a list of texts"),
        ({"timeout_s": 0}, "timeout_s = 0; give seconds"),
        ({"timeout_s": True}, "timeout_s = True"),
        ({"timeout_s": float("nan")}, "timeout_s = nan"),
        ({"timeout_s": 4000}, "at most 3600"),
        ({"memory_bytes": 1000}, "memory_bytes = 1000; the interpreter alone needs 67108864"),
        ({"memory_bytes": 1e9}, "memory_bytes = 1000000000.0"),
    ],
)
def test_an_argument_that_is_wrong_is_an_error(arguments, words) -> None:
    with pytest.raises(CheckError) as raised:
        asyncio.run(call_body(lambda: checks.runs(**{"code": "pass", **arguments}), {}))
    assert words in str(raised.value)


def test_the_least_memory_is_enough_for_the_interpreter() -> None:
    assert asyncio.run(call_body(lambda: checks.runs("x = 1", memory_bytes=64 << 20), {})) == Score(1.0)
