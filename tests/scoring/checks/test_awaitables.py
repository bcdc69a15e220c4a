"""Checks that have to be waited for."""

from __future__ import annotations

import asyncio

import pytest

from harness.errors import CheckError
from harness.requests.bridge import call_body
from harness.scoring.checks.given import awaited


@awaited
async def seven() -> int:
    await asyncio.sleep(0)
    return 7


def test_what_was_not_awaited_is_not_taken_for_a_result() -> None:
    async def body() -> None:
        assert seven()

    with pytest.raises(CheckError, match=r"seven was not waited for; write `await checks.seven\(…\)`"):
        asyncio.run(call_body(body, {}))


def test_what_was_not_awaited_says_so() -> None:
    async def body() -> str:
        waiting = seven()
        text = repr(waiting)
        await waiting
        return text

    assert asyncio.run(call_body(body, {})) == "<checks.seven(…), which was not awaited>"
