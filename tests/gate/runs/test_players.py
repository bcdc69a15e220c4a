"""Versions that play users: opened once, when a body names them, as the versions of the run are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings, load_settings
from harness.errors import AnswersNothingError, SettingsError
from harness.gate.runs.versions import Players
from harness.models.engine_creation import create_engine
from harness.models.version import load_version
from harness.requests import SampleSource
from harness.store import Store

TEXT = """
[models.bot]
engine = "scripted"
default = "yes"

[models.same]
base = "bot"

[models.kinder]
base = "bot"
system = "Be kind."

[models.other]
engine = "scripted"
default = "no"

[models.louder]
base = "other"
system = "Be loud."

[corpora.texts]
source = "texts.jsonl"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "steelyard.toml").write_text(TEXT, encoding="utf-8")
    return load_settings(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


@pytest.fixture
def bot(settings: Settings) -> SampleSource:
    version = load_version(settings.version("bot"), settings.root)
    return SampleSource(version, create_engine(version, settings.root), 3, first_index=1_000_000, older=(1,))


def found(players: Players, *names: str) -> list[Any]:
    async def find() -> list[Any]:
        return list(await asyncio.gather(*map(players.find, names), return_exceptions=True))

    return asyncio.run(find())


def test_versions_of_the_weights_of_one_of_the_run_share_its_engine(
    settings: Settings, store: Store, bot: SampleSource
) -> None:
    players = Players(settings, (bot,), store)
    same, kinder = found(players, "same", "kinder")
    assert (same.engine, same.first_index) == (bot.engine, 0)
    assert (kinder.engine, kinder.generation, kinder.first_index) == (bot.engine, 0, 0)
    (other,) = found(players, "other")
    assert other.engine not in (None, bot.engine)
    louder, again = found(players, "louder", "louder")
    assert louder is again
    assert louder.engine is other.engine


def test_its_turns_have_draws_of_their_own_and_offline_it_has_no_engine(
    settings: Settings, store: Store, bot: SampleSource
) -> None:
    (first,) = found(Players(settings, (bot,), store), "other")
    assert (first.generation, first.first_index, first.older) == (0, 0, ())
    (offline,) = found(Players(settings, (bot,), store, is_offline=True), "kinder")
    assert offline.engine is None


def test_what_can_not_play_a_user_is_refused(settings: Settings, store: Store, bot: SampleSource) -> None:
    players = Players(replace(settings, max_cost=1.0), (bot,), store)
    unpriced, unknown = found(players, "other", "othr")
    assert isinstance(unpriced, SettingsError)
    assert "'other' has none" in str(unpriced)
    assert "Did you mean 'other'?" in str(unknown)
    (corpus,) = found(Players(settings, (bot,), store, is_offline=True), "texts")
    assert isinstance(corpus, AnswersNothingError | SettingsError)
