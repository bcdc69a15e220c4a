"""Processes that end or do not answer are followed by others, and no call is made twice."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError, FailedDrawError, UnreachableError
from harness.records import Sample
from tests.models.application.asking import Limits, application, ask, chat, python
from tests.processes import children, is_running
from tests.waiting import until

pytestmark = pytest.mark.service


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_call_that_blocks_for_ever_ends_at_its_time_limit_and_others_go_on(tmp_path: Path, kind: str) -> None:
    wait = "threading.Event().wait()" if kind == "def" else "await asyncio.Event().wait()"
    code = f"import asyncio, threading\n{kind} answer(prompt):\n  if prompt == 'block': print('stuck'); {wait}\n"
    application(tmp_path, f"{code}  return prompt")
    found = ask(python(tmp_path, timeout_s=60), chat("a"), chat("block"), chat("b"), reached=[1])
    assert isinstance(found[1], EngineError)
    assert "did not answer within 60 s (timeout_s)" in str(found[1])
    assert "It printed last:\n  stuck" in str(found[1])
    assert [each.text for each in found[::2] if isinstance(each, Sample)] == ["a", "b"]


@pytest.mark.nightly
def test_a_coroutine_that_blocks_its_loop_is_found_and_its_process_ended(tmp_path: Path) -> None:
    """It has time to show that it is not blocked, and what is asked until then ends with it."""
    code = """
    import threading
    async def answer(prompt):
        if prompt == "block": print("stuck"); threading.Event().wait()
        return prompt
    """
    application(tmp_path, code)
    engine = python(tmp_path)

    async def run() -> tuple[list[Any], str]:
        await engine.start()
        limits = Limits(engine)
        try:
            (pid,) = engine.pids
            blocked = asyncio.gather(engine.sample(chat("block"), [0]), return_exceptions=True)
            await limits.reach(0)
            await limits.reach(1)
            await until(lambda: not is_running(pid))
            (sample,) = await engine.sample(chat("b"), [0])
            return await blocked, sample.text
        finally:
            await engine.close()

    (blocked,), text = asyncio.run(run())
    assert "did not answer within" in str(blocked)
    assert text == "b"


def test_calls_that_were_under_way_when_a_process_ended_are_not_made_again(tmp_path: Path) -> None:
    code = """
    import asyncio, os
    all_called = asyncio.Barrier(3)
    async def answer(prompt):
        with open("calls", "a") as file: file.write(prompt)
        await all_called.wait()
        if prompt == "x": os._exit(4)
        await asyncio.Event().wait()
    """
    application(tmp_path, code)
    found = ask(python(tmp_path), chat("a"), chat("x"), chat("b"))
    assert all(isinstance(each, EngineError) for each in found)
    assert "ended with exit code 4." in str(found[0])
    assert "3 calls were under way in it" in str(found[0])
    assert sorted((tmp_path / "calls").read_text()) == ["a", "b", "x"]


def test_processes_that_all_end_are_given_up(tmp_path: Path) -> None:
    application(tmp_path, "import os\ndef answer(prompt): os._exit(4)")
    found = ask(python(tmp_path), *(chat(str(number)) for number in range(12)))
    assert [type(each) for each in found] == [FailedDrawError] * 10 + [UnreachableError] * 2
    assert "10 of its processes ended in a row" in str(found[-1])


def test_what_waits_for_its_turn_ends_when_it_is_held(tmp_path: Path) -> None:
    application(tmp_path, "def answer(prompt):\n  print('asked'); open('held').read()\n  return prompt")
    os.mkfifo(tmp_path / "held")
    engine = python(tmp_path)

    async def run() -> list[object]:
        await engine.start()
        try:
            asked = [asyncio.create_task(engine.sample(chat(str(number)), [0])) for number in range(3)]
            await until(lambda: engine.printed_lines)
            engine.hold(EngineError("the budget is spent"))
            (tmp_path / "held").write_text("")
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await engine.close()

    first, *others = asyncio.run(run())
    assert isinstance(first, list)
    assert [str(each) for each in others] == ["the budget is spent"] * 2


def test_a_process_that_is_just_being_started_ends_with_the_rest(tmp_path: Path) -> None:
    application(tmp_path, "import os\ndef answer(prompt): os._exit(4)")
    engine = python(tmp_path)

    async def run() -> None:
        before = children(os.getpid())
        await engine.start()
        await asyncio.gather(engine.sample(chat("a"), [0]), return_exceptions=True)
        asked = asyncio.create_task(engine.sample(chat("b"), [0]))
        await until(lambda: children(os.getpid()) != before)
        await engine.close()
        assert children(os.getpid()) == before
        await asyncio.gather(asked, return_exceptions=True)

    asyncio.run(run())
