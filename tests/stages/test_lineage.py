"""What a run makes of its versions' lineages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config import Settings, VersionSettings
from harness.errors import AnswersNothingError, NotInLineageError
from harness.stages.fixtures import StageFixture
from harness.stages.lineage import Lineages, StageContext, can_have
from tests.config.settings_files import load

CONTEXT = StageContext(Settings(Path("project")))
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
    if context.is_offline:
        raise NotInLineageError(version.name, "thing")
    return Thing(version.name)


@pytest.fixture
def lineages() -> Lineages:
    MADE.clear()
    CLOSED.clear()
    contexts = {"one": CONTEXT, "two": CONTEXT, "bare": replace(CONTEXT, is_offline=True)}
    return Lineages(contexts, {"thing": StageFixture(MAKER)})


def version(name: str, engine: str = "scripted") -> Any:
    return SimpleNamespace(name=name, settings=VersionSettings(name, engine))


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


def test_a_corpus_has_nothing_of_a_model_and_nothing_is_made_to_see_that(lineages: Lineages) -> None:
    with pytest.raises(AnswersNothingError, match=r"^one is a corpus, which answers nothing$") as raised:
        asyncio.run(lineages.take(["thing"], version("one", "corpus")))
    assert raised.value.advice == "one is a corpus, which answers nothing"
    assert MADE == []


def test_what_is_of_no_model_a_corpus_may_have() -> None:
    MADE.clear()
    of_corpora = Lineages({"one": CONTEXT}, {"thing": StageFixture(MAKER, of_model=False)})
    assert asyncio.run(of_corpora.take(["thing"], version("one", "corpus")))["thing"].name == "one"


@pytest.mark.parametrize(
    ("name", "taken", "can"),
    [
        ("clean", {"corpus"}, True),
        ("clean", {"corpus", "model"}, False),
        ("plain", {"corpus", "model"}, False),
        ("plain", {"weights", "model"}, True),
        ("student", {"corpus", "weights"}, True),
    ],
)
def test_what_a_version_can_have_is_told_by_its_settings(tmp_path: Path, name: str, taken: set[str], can: bool) -> None:
    settings = load(
        tmp_path,
        """
corpora.clean.documents = "d.jsonl"
[models]
plain = { engine = "vllm", weights = "t" }
student = { base = "plain", adapter = { data = "clean" } }
""",
    )
    assert can_have(settings, settings.version(name), taken) is can
