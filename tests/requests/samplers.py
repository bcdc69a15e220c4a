"""A sampler of an engine that answers by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.models.version import Version
from harness.records import Request, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.requests import Sampler, SampleSource
from harness.store import Store
from tests.requests.engines import NotingEngine


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


def source(engine: NotingEngine | None, name: str = "v", *generations: int) -> SampleSource:
    """Where samples of a version come from."""
    newest, *older = generations or (0,)
    version = Version(name, VersionSettings(name, "scripted"), fingerprint=name * 8)
    return SampleSource(version, engine, newest, older=tuple(older))


def asking(text: str, **sampling: Any) -> Request:
    """A chat request of one message."""
    return Request(messages=({"role": "user", "content": text},), sampling=sampling)


async def draw(sampler: Sampler, where: SampleSource, text: str, index: int, **sampling: Any) -> Sample:
    """Ask for one sample."""
    request = asking(text, **sampling)
    key, sample = await sampler.draw(where, request, question(where, request), index)
    stored = sampler._store.find([key])[key][index]
    assert (stored.text, stored.index) == (sample.text, index), "the key is that of the sample in the store"
    return sample


def question(where: SampleSource, request: Request) -> KeyedQuestion:
    """What is asked of a version when it is asked for the first time."""
    return KeyedQuestion(request_text(where.version.fingerprint, request))


def run(store: Store, *works: Any, width: int = 8) -> list[Any]:
    """Run `works(sampler)` side by side; exceptions are results."""

    async def all_of_them() -> list[Any]:
        sampler = Sampler(store, window=width)
        try:
            return await asyncio.gather(*(work(sampler) for work in works), return_exceptions=True)
        finally:
            await sampler.close()

    return asyncio.run(all_of_them())
