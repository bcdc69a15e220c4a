"""The fixture `repeats`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.errors import EngineError, MissingSampleError, UsageError
from harness.models.version import Version
from harness.records import Request, Sample
from harness.requests import Sampler, SampleSource
from harness.stages.inference.repeats import Repeats
from harness.stages.lineage import StageContext
from harness.store import Store
from tests.requests.engines import NotingEngine

pytestmark = pytest.mark.service


class Batching(NotingEngine):
    """Answers `odd` prompts otherwise while other requests are in flight, and `new` ones each time."""

    def __init__(self, log: list[tuple[str, int]]) -> None:
        super().__init__()
        self._log = log

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        self.in_flight += 1
        try:
            await asyncio.sleep(0.01)
            crowd = self.in_flight
            await asyncio.sleep(0.01)
            asked = str(request.messages[-1]["content"])
            self._log.append((asked, crowd))
            assert request.sampling["temperature"] == 0
            if asked == "broken":
                raise EngineError("no answer")
            text = f"{crowd > 1}" if "odd" in asked else f"{len(self._log)}" if "new" in asked else "say"
            return [Sample(text, indices[0])]
        finally:
            self.in_flight -= 1


Asking = Callable[..., list[Any]]


@pytest.fixture
def log() -> list[tuple[str, int]]:
    """What the engine was asked, and the requests that were in flight."""
    return []


@pytest.fixture
def ask(tmp_path: Path, log: list[tuple[str, int]]) -> Iterator[Asking]:
    """Asks prompts side by side, each time as a run of its own on the same store; gives the scores."""
    with Store.open(str(tmp_path / "store.db")) as store:

        def ask_all(*prompts: str, offline: bool = False, generation: int = 0, concurrency: int = 16) -> list[Any]:
            version = Version("mine", VersionSettings("mine", "scripted"), fingerprint="mine" * 8)

            async def run() -> list[Any]:
                source = SampleSource(version, None if offline else NotingEngine(), generation)
                settings: Any = SimpleNamespace(concurrency=concurrency)
                sampler = Sampler(store, window=concurrency)
                repeats = Repeats(
                    version, StageContext(settings, None, None, source, sampler, store), lambda: Batching(log)
                )
                found = await asyncio.gather(*(repeats.of(prompt) for prompt in prompts), return_exceptions=True)
                await sampler.close()
                return found

            return asyncio.run(run())

        yield ask_all


def values(scores: dict[str, Any]) -> tuple[float, float]:
    return scores["alone_again"].value, scores["beside_others"].value


def test_each_way_of_asking_is_told_apart(ask: Asking, log: list[tuple[str, int]]) -> None:
    plain, odd, new = ask("plain", "odd", "new")
    assert (values(plain), values(odd), values(new)) == ((1, 1), (1, 0), (0, 0))
    assert odd["beside_others"].reason == "'False' alone, 'True' now"
    assert [crowd for asked, crowd in log if asked == "odd"] == [1, 1, 3], "twice alone, then beside the others"
    assert len(log) == 3 * 3


def test_what_was_found_is_kept_for_a_gate_that_is_run_again(ask: Asking, log: list[tuple[str, int]]) -> None:
    first = ask("odd", "odd")
    log.clear()
    assert ask("odd", "odd") == ask("odd", "odd", offline=True) == first
    assert log == []
    assert ask("odd", "odd", generation=1) == first
    assert len(log) == 6, "found anew"


def test_what_is_not_stored_or_not_answered_is_told(ask: Asking) -> None:
    (error,) = ask("plain", offline=True)
    assert isinstance(error, MissingSampleError)
    error, plain = ask("broken", "plain")
    assert isinstance(error, EngineError)
    assert isinstance(plain, UsageError), "nothing was beside it"


def test_where_one_is_in_flight_none_is_beside_others(ask: Asking, log: list[tuple[str, int]]) -> None:
    for error in (*ask("odd", "plain", concurrency=1), *ask("alone")):
        assert isinstance(error, UsageError)
        assert 'design="fixed"' in str(error)
    assert {crowd for _, crowd in log} == {1}
    assert [values(each) for each in ask("odd", "plain", concurrency=2)] == [(1, 0), (1, 1)]
    assert len(ask("odd", "plain", concurrency=1)) == 2, "what is stored was beside others"
    (error,) = ask("odd", generation=1)
    assert isinstance(error, UsageError)
