"""What a run makes of its versions' lineages."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import NotInLineageError
from harness.stages.fixtures import StageFixture
from harness.stages.lineage import Lineages

MAKER = "tests.stages.test_lineage:make"
MADE: list[str] = []
CLOSED: list[str] = []


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name

    def close(self) -> None:
        CLOSED.append(self.name)


def make(version: Any, context: Any) -> Thing:
    MADE.append(version.name)
    if context is None:
        raise NotInLineageError(version.name, "thing")
    return Thing(version.name)


@pytest.fixture
def lineages() -> Lineages:
    MADE.clear()
    CLOSED.clear()
    contexts: Any = {"one": "context", "two": "context", "bare": None}
    return Lineages(contexts, {"thing": StageFixture(MAKER)})


def version(name: str) -> Any:
    return SimpleNamespace(name=name)


def test_each_is_made_once_for_each_version_and_closed_at_the_end(lineages: Lineages) -> None:
    async def run() -> list[Any]:
        taken = await asyncio.gather(*(lineages.take(["thing"], version(name)) for name in ("one", "two", "one")))
        await lineages.close()
        return [each["thing"] for each in taken]

    first, second, again = asyncio.run(run())
    assert (first.name, second.name, again) == ("one", "two", first)
    assert sorted(MADE) == sorted(CLOSED) == ["one", "two"]


def test_a_version_without_it_says_what_it_lacks_each_time(lineages: Lineages) -> None:
    async def run() -> None:
        for _ in range(2):
            with pytest.raises(NotInLineageError, match=r"^bare has no thing$"):
                await lineages.take(["thing"], version("bare"))
        await lineages.close()

    asyncio.run(run())
    assert MADE == ["bare"]


def test_who_gives_up_waiting_leaves_it_to_the_others(lineages: Lineages) -> None:
    async def run() -> str:
        one = asyncio.ensure_future(lineages.take(["thing"], version("one")))
        await asyncio.sleep(0)
        one.cancel()
        return (await lineages.take(["thing"], version("one")))["thing"].name

    assert asyncio.run(run()) == "one"
    assert MADE == ["one"]
