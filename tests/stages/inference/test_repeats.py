"""The fixture `repeats`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.errors import TIMED_OUT, EngineError, FailedDrawError, MissingSampleError, UsageError
from harness.models.engine import Capability
from harness.models.version import Version
from harness.records import Request, Sample, TokenLogprob
from harness.requests import Sampler, SampleSource
from harness.stages.inference.repeats import Repeated, Repeats, compare, load_repeats
from harness.stages.lineage import StageContext
from harness.store import Store
from tests.requests.engines import NotingEngine

pytestmark = pytest.mark.service


class Batching(NotingEngine):
    """Answers in two tokens; `odd` prompts otherwise while other requests are in flight, `new` ones after a restart."""

    log: list[str]

    def __init__(self, number: int, log: list[str]) -> None:
        super().__init__()
        self.capabilities = frozenset({Capability.LOGPROBS})
        self._number, self.log = number, log

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        self.in_flight += 1
        try:
            await asyncio.sleep(0.01)
            crowd = self.in_flight
            await asyncio.sleep(0.01)
            asked = str(request.messages[-1]["content"])
            self.log.append(f"{self._number}:{asked}:{crowd}")
            assert request.sampling["temperature"] == 0
            second = " a"
            if "odd" in asked and crowd > 1:
                second = " b"
            if "new" in asked and self._number > 1:
                second = " c"
            n_asked = sum(f":{asked}:" in line for line in self.log)
            if asked == "gone" or (asked == "late" and n_asked in (1, 4)):
                raise FailedDrawError("not within 5 s", TIMED_OUT)
            if "broken" in asked:
                raise EngineError("no answer")
            tokens = tuple(TokenLogprob(text, -0.1) for text in ("say", second))
            return [Sample("say" + second, logprobs=tokens if request.logprobs == 0 else None)]
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        self.closed += 1
        self.log.append(f"{self._number}:closed")


Asking = Callable[..., list[Any]]


@pytest.fixture
def log() -> list[str]:
    """What the engines were asked: number of the engine, prompt, requests in flight."""
    return []


@pytest.fixture
def ask(tmp_path: Path, log: list[str]) -> Iterator[Asking]:
    """Asks prompts side by side, each time as a run of its own on the same store."""
    with Store.open(str(tmp_path / "store.db")) as store:

        def ask_all(
            *prompts: str, engine: str = "scripted", offline: bool = False, generation: int = 0, concurrency: int = 16
        ) -> list[Any]:
            options = {"base_url": "http://127.0.0.1:1/v1", "model": "m"} if engine == "openai" else {}
            version = Version("mine", VersionSettings("mine", engine, engine_options=options), fingerprint="mine" * 8)
            made: list[Batching] = []

            def create() -> Batching:
                made.append(Batching(len(made) + 1, log))
                return made[-1]

            async def run() -> list[Any]:
                source = SampleSource(version, None if offline else NotingEngine(), generation)
                settings: Any = SimpleNamespace(concurrency=concurrency)
                context = StageContext(settings, None, None, source, Sampler(store, window=16), store)
                repeats = Repeats(version, context, create)
                found = await asyncio.gather(*(repeats.of(prompt) for prompt in prompts), return_exceptions=True)
                await repeats.close()
                return found

            return asyncio.run(run())

        yield ask_all


def test_each_way_of_asking_is_told_apart(ask: Asking) -> None:
    plain, odd, new = ask("plain", "odd", "new")
    assert plain.same == {"alone_again": True, "beside_others": True, "other_order": True, "after_restart": True}
    assert odd.same == {"alone_again": True, "beside_others": False, "other_order": False, "after_restart": True}
    assert new.same == {"alone_again": True, "beside_others": True, "other_order": True, "after_restart": False}
    assert odd.differs_at["beside_others"] == 1
    assert odd.scores["beside_others"].value == 0.0
    assert odd.scores["beside_others"].reason == "differs after 1 tokens: ' a' alone, ' b' now"
    assert odd.scores["alone_again"].reason is None
    assert (plain.answer, plain.beside) == ("say a", 2)


def test_a_round_asks_alone_twice_then_together_then_reversed_then_a_new_engine(ask: Asking, log: list[str]) -> None:
    ask("x", "y")
    alone, again = ["1:x:1", "1:y:1"], ["1:x:1", "1:y:1"]
    assert log[:4] == [*alone, *again]
    assert [line.split(":")[1] for line in log[4:8]] == ["x", "y", "y", "x"]
    assert log[8:] == ["1:closed", "2:x:1", "2:y:1", "2:closed"]


def test_an_endpoint_is_not_restarted_and_compared_by_characters(ask: Asking, log: list[str]) -> None:
    plain, odd = ask("plain", "odd", engine="openai")
    assert set(plain.same) == {"alone_again", "beside_others", "other_order"}
    assert odd.differs_at["beside_others"] == 4
    assert "differs after 4 characters: 'a' alone, 'b' now" in odd.reasons.values()
    assert not any(line.startswith("2:") for line in log)


def test_what_was_found_is_kept_for_a_gate_that_is_run_again(ask: Asking, log: list[str]) -> None:
    first = ask("plain", "odd")
    log.clear()
    assert ask("plain", "odd") == first
    assert ask("plain", "odd", offline=True) == first
    assert log == []
    assert ask("plain", "odd", generation=1) == first, "found anew"
    assert log != []


def test_the_same_prompt_twice_is_found_twice(ask: Asking, log: list[str]) -> None:
    first, second = ask("odd", "odd")
    assert first.beside == second.beside == 1
    assert log[:2] == ["1:odd:1", "1:odd:1"]


def test_offline_says_what_is_missing(ask: Asking) -> None:
    (error,) = ask("plain", offline=True)
    assert isinstance(error, MissingSampleError)
    assert "not stored" in str(error)


def test_one_prompt_has_nothing_beside_it(ask: Asking, log: list[str]) -> None:
    (error,) = ask("plain")
    assert isinstance(error, UsageError)
    assert 'design="fixed"' in str(error)
    assert log == []


def test_where_one_is_in_flight_none_is_beside_others(ask: Asking, log: list[str]) -> None:
    """They were asked alone each time, and were the same, whatever the engine does beside others."""
    for error in ask("odd", "plain", concurrency=1):
        assert isinstance(error, UsageError)
        assert "with concurrency = 1 each is asked alone. Set it to 2 or more" in str(error)
    assert log == []
    first = ask("odd", "plain", concurrency=2)
    assert ask("odd", "plain", concurrency=1) == first, "what is stored was beside others"


def test_what_was_found_beside_nothing_does_not_count(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.stages.inference.repeats.compare", lambda *given: compare(*given[:2], 0))
    ask("odd", "plain")
    monkeypatch.undo()
    (error,) = ask("odd")
    assert isinstance(error, UsageError)
    assert "in an earlier run. Draw anew: --fresh" in str(error)


def test_an_answer_that_does_not_come_is_an_error_of_the_round_and_nothing_is_kept(ask: Asking, log: list[str]) -> None:
    for error in ask("plain", "broken"):
        assert isinstance(error, EngineError)
    assert log[-1] == "1:closed"
    assert all(isinstance(found, Repeated) for found in ask("plain", "odd"))


def test_what_takes_too_long_is_asked_again_beside_the_same_others(ask: Asking, log: list[str]) -> None:
    """Only sameness is inferred, and one slow answer of hundreds cost the whole round."""
    assert all(isinstance(found, Repeated) for found in ask("late", "plain", engine="openai"))
    assert [line.split(":")[1] for line in log[:5]] == ["late", "late", "plain", "late", "plain"]
    assert log[5:9] == ["1:late:2", "1:plain:2", "1:late:2", "1:plain:2"]
    log.clear()
    assert [type(error) for error in ask("plain 2", "gone", engine="openai")] == [FailedDrawError] * 2
    assert sum(":gone:" in line for line in log) == 3


def test_another_temperature_is_refused() -> None:
    version = Version("mine", VersionSettings("mine", "scripted"), fingerprint="mine" * 8)
    settings: Any = SimpleNamespace(root=Path())
    with pytest.raises(UsageError, match="only greedy answers"):
        load_repeats(version, StageContext(settings)).of("x", temperature=0.7)


def test_closing_ends_the_engine_of_a_round_that_goes_on(log: list[str], tmp_path: Path) -> None:
    version = Version("mine", VersionSettings("mine", "scripted"), fingerprint="mine" * 8)
    settings: Any = SimpleNamespace(concurrency=16)

    async def run(store: Store) -> None:
        source = SampleSource(version, NotingEngine())
        context = StageContext(settings, None, None, source, Sampler(store, window=16), store)
        repeats = Repeats(version, context, lambda: Batching(1, log))
        waiting = [asyncio.ensure_future(repeats.of(prompt)) for prompt in ("x", "y")]
        while not log:
            await asyncio.sleep(0.01)
        await repeats.close()
        for task in waiting:
            with pytest.raises(asyncio.CancelledError):
                await task

    with Store.open(str(tmp_path / "store.db")) as store:
        asyncio.run(run(store))
    assert log[-1] == "1:closed"


def test_an_answer_that_goes_on_differs_where_the_other_ends() -> None:
    found = compare(Sample("Lima"), {"alone_again": Sample("Lima, Peru"), "other_order": Sample("Lima")}, 1)
    assert found.differs_at == {"alone_again": 4, "other_order": None}
    cut = compare(Sample("Lima"), {"alone_again": Sample("Lima", finish_reason="length")}, 1)
    assert cut.same == {"alone_again": False}
