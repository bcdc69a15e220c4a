"""Processes that end or do not answer are followed by others, and no call is made twice."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from harness.errors import EngineError, FailedDrawError, UnreachableError
from harness.records import Sample
from tests.models.application.asking import application, ask, chat, python
from tests.processes import children

pytestmark = pytest.mark.service


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_call_that_blocks_for_ever_ends_at_its_time_limit_and_others_go_on(tmp_path: Path, kind: str) -> None:
    wait = "time.sleep(99)" if kind == "def" else "await asyncio.sleep(99)"
    code = (
        f"import asyncio, time\n{kind} answer(prompt):\n  if prompt == 'block': print('stuck'); {wait}\n  return prompt"
    )
    application(tmp_path, code)
    found = ask(python(tmp_path, timeout_s=3), chat("a"), chat("block"), chat("b"))
    assert isinstance(found[1], EngineError)
    assert "did not answer within 3 s (timeout_s)" in str(found[1])
    assert "It printed last:\n  stuck" in str(found[1])
    assert [each.text for each in found[::2] if isinstance(each, Sample)] == ["a", "b"]


@pytest.mark.nightly
def test_a_coroutine_that_blocks_its_loop_is_found_and_its_process_ended(tmp_path: Path) -> None:
    code = """
    import time
    async def answer(prompt):
        if prompt == "block": time.sleep(99)
        return prompt
    """
    application(tmp_path, code)
    engine = python(tmp_path, timeout_s=3)

    async def run() -> tuple[list[object], str]:
        await engine.start()
        try:
            (pid,) = engine.pids
            blocked = await asyncio.gather(engine.sample(chat("block"), [0]), return_exceptions=True)
            while Path(f"/proc/{pid}").exists():  # it has time to show that it is not blocked
                await asyncio.sleep(0.01)
            (sample,) = await engine.sample(chat("b"), [0])
            return blocked, sample.text
        finally:
            await engine.close()

    began = time.monotonic()
    blocked, text = asyncio.run(run())
    assert "did not answer within" in str(blocked[0])
    assert text == "b"
    assert time.monotonic() - began < 60


def test_calls_that_were_under_way_when_a_process_ended_are_not_made_again(tmp_path: Path) -> None:
    code = """
    import asyncio, os
    async def answer(prompt):
        with open("calls", "a") as file: file.write(prompt)
        while os.path.getsize("calls") < 3: await asyncio.sleep(0.01)
        if prompt == "x": os._exit(4)
        await asyncio.sleep(99)
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
    code = """
    import os, time
    def answer(prompt):
        while not os.path.exists("held"): time.sleep(0.01)
        return prompt
    """
    application(tmp_path, code)
    engine = python(tmp_path)

    async def run() -> list[object]:
        await engine.start()
        try:
            asked = [asyncio.create_task(engine.sample(chat(str(number)), [0])) for number in range(3)]
            await asyncio.sleep(0.05)
            engine.hold(EngineError("the budget is spent"))
            (tmp_path / "held").touch()
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
        while children(os.getpid()) == before:
            await asyncio.sleep(0)
        await engine.close()
        assert children(os.getpid()) == before
        await asyncio.gather(asked, return_exceptions=True)

    asyncio.run(run())
