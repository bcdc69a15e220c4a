"""One code path for `def` and `async def` bodies."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from harness.requests.bridge import call_body, settle

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def answer(value: str) -> str:
    await asyncio.sleep(0)
    return value


async def broken() -> str:
    await asyncio.sleep(0)
    raise OSError("no route")


def test_def_body_gets_the_result_of_what_it_waits_for_and_its_errors_come_through() -> None:
    def body(first: str) -> str:
        if settle(answer(first)) + settle(answer("b")) == "ab":
            return "both"
        raise KeyError(first)

    assert asyncio.run(call_body(lambda: 7, {})) == 7
    assert asyncio.run(call_body(body, {"first": "a"})) == "both"
    with pytest.raises(KeyError, match="c"):
        asyncio.run(call_body(body, {"first": "c"}))


def test_async_body_gets_the_awaitable() -> None:
    async def body() -> str:
        return await settle(answer("a"))

    assert asyncio.run(call_body(body, {})) == "a"


def test_error_of_what_it_waits_for_is_raised_where_it_waits() -> None:
    def body() -> str:
        try:
            settle(broken())
        except OSError as error:
            return f"caught {error}"
        return "not raised"

    assert asyncio.run(call_body(body, {})) == "caught no route"


def test_many_def_bodies_wait_at_once() -> None:
    alive, most = 0, 0

    def body(number: int) -> int:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        settle(answer("a"))
        alive -= 1
        return number

    async def run() -> list[int]:
        return await asyncio.gather(*(call_body(body, {"number": i}) for i in range(500)))

    assert asyncio.run(run()) == list(range(500))
    assert most == 500


def test_context_variables_of_a_def_body_are_its_own() -> None:
    def body(value: str) -> str:
        assert VARIABLE.get() == "outer"
        VARIABLE.set(value)
        settle(answer("a"))
        return VARIABLE.get()

    async def run() -> list[str]:
        VARIABLE.set("outer")
        return await asyncio.gather(*(call_body(body, {"value": v}) for v in "xyz"))

    assert asyncio.run(run()) == ["x", "y", "z"]


def test_cancelled_def_body_runs_its_finally() -> None:
    ended, begun = list[str](), asyncio.Event()

    def body() -> None:
        try:
            begun.set()
            settle(asyncio.Event().wait())
        finally:
            ended.append("ended")

    async def run() -> None:
        task = asyncio.create_task(call_body(body, {}))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert ended == ["ended"]
