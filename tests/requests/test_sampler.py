"""Store first, engine for the rest; one request for all who ask the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import (
    CapabilityError,
    EngineError,
    FailedDrawError,
    MissingSampleError,
    StoreError,
    UnreachableError,
    UnstorableError,
)
from harness.records import NewSample, NotedFailures, Request, Sample
from harness.requests import Sampler
from harness.requests.pending import SampleOrigins
from harness.store import Store
from tests.requests.engines import NotingEngine
from tests.requests.samplers import draw, question, run, source


def test_samples_asked_in_one_tick_are_one_request(store: Store) -> None:
    engine = NotingEngine()
    where = source(engine)
    samples = run(store, *(lambda s, i=i: draw(s, where, "q", i) for i in range(5)))
    assert [sample.text for sample in samples] == [f"q/{i}" for i in range(5)]
    assert engine.asked == [(0, 1, 2, 3, 4)]


def test_same_sample_asked_twice_is_drawn_once(store: Store) -> None:
    engine = NotingEngine()
    engine.answers.clear()
    where = source(engine)

    async def late(sampler: Sampler) -> Sample:
        while not engine.asked:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(engine.answers.set)
        return await draw(sampler, where, "q", 0)

    first, second, third = run(store, *(lambda s: draw(s, where, "q", 0) for _ in range(2)), late)
    assert first == second == third
    assert engine.asked == [(0,)]


def test_who_gives_up_waiting_leaves_the_sample_to_those_who_wait_with_it(store: Store) -> None:
    engine = NotingEngine()
    engine.answers.clear()
    where = source(engine)

    async def impatient(sampler: Sampler) -> tuple[Sample, Sample]:
        waiting = [asyncio.ensure_future(draw(sampler, where, "q", 0)) for _ in range(2)]
        while not engine.asked:
            await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert waiting[0].cancelled()
        waiting.append(asyncio.ensure_future(draw(sampler, where, "q", 0)))
        await asyncio.sleep(0)
        engine.answers.set()
        return await waiting[1], await waiting[2]

    ((second, third),) = run(store, impatient)
    assert second.text == third.text == "q/0"
    assert engine.asked == [(0,)]


def test_stored_samples_are_given_without_the_engine(store: Store) -> None:
    first = NotingEngine()
    run(store, lambda s: draw(s, source(first), "q", 0), lambda s: draw(s, source(first), "q", 1))
    second = NotingEngine()
    samples = run(store, *(lambda s, i=i: draw(s, source(second), "q", i) for i in range(3)))
    assert [sample.stored for sample in samples] == [True, True, False]
    assert second.asked == [(2,)]


def test_the_origins_of_a_source_s_samples_are_known(store: Store) -> None:
    before = time.time()
    engine, other = NotingEngine(), replace(source(NotingEngine()), first_index=50)
    run(store, lambda s: draw(s, source(engine), "q", 0))

    async def drawn(sampler: Sampler, *indices: int) -> SampleOrigins:
        await asyncio.gather(*(draw(sampler, source(engine), "q", index) for index in indices))
        await draw(sampler, other, "q", 50)
        return sampler.origins(source(engine))

    (stored,) = run(store, lambda s: drawn(s, 0))
    assert stored.n_asked == 0
    assert stored.oldest is not None
    assert before <= stored.oldest == stored.newest <= time.time()
    (both,) = run(store, lambda s: drawn(s, 0, 1))
    assert both.n_asked == 1


def test_without_an_engine_a_missing_sample_is_an_error(store: Store) -> None:
    run(store, lambda s: draw(s, source(NotingEngine()), "q", 0))
    present, missing = run(store, *(lambda s, i=i: draw(s, source(None), "q", i) for i in range(2)))
    assert present.text == "q/0"
    assert isinstance(missing, MissingSampleError)


def test_each_sample_is_of_the_newest_generation_that_has_it(store: Store) -> None:
    """A fresh draw of a few things takes nothing else out of use; what no generation has is drawn in the newest."""
    old = source(NotingEngine(says="old"))
    run(store, *(lambda s, t=t, i=i: draw(s, old, t, i) for t in "ab" for i in range(3)))
    for generation in (1, 2):
        fresh = source(NotingEngine(says=f"fresh {generation}"), "v", generation)
        run(store, *(lambda s, w=fresh, i=i: draw(s, w, "a", i) for i in range(3 - generation)))
    engine = NotingEngine(says="new")
    where = source(engine, "v", 2, 1, 0)
    samples = run(store, *(lambda s, t=t, i=i: draw(s, where, t, i) for t in "ab" for i in range(4)))
    texts = ["fresh 2/0", "fresh 1/1", "old/2", "new/3", "old/0", "old/1", "old/2", "new/3"]
    assert [sample.text for sample in samples] == texts
    assert engine.asked == [(3,), (3,)]
    offline = replace(where, engine=None)
    again = run(store, *(lambda s, t=t, i=i: draw(s, offline, t, i) for t in "ab" for i in range(4)))
    assert [sample.text for sample in again] == texts


def test_versions_never_share_samples(store: Store) -> None:
    run(store, lambda s: draw(s, source(NotingEngine(), "a"), "q", 0))
    engine = NotingEngine()
    run(store, lambda s: draw(s, source(engine, "b"), "q", 0))
    assert engine.asked == [(0,)]


def test_error_of_an_engine_reaches_all_who_wait_and_is_not_stored(store: Store) -> None:
    broken = NotingEngine(error=EngineError("down"))
    results = run(store, *(lambda s, i=i: draw(s, source(broken), "q", i) for i in range(3)))
    assert [str(result) for result in results] == ["down"] * 3
    assert store.info().samples == 0
    assert run(store, lambda s: draw(s, source(NotingEngine()), "q", 0))[0].text == "q/0"


async def _ask(
    sampler: Sampler, failing: NotingEngine, n_failed: int, n_answered: int, first: int = 0, generation: int = 0
) -> None:
    """Draw so many of each, as a gate does."""
    for index in range(n_answered):
        await draw(sampler, source(NotingEngine(), "v", generation), "q", index)
    for number in range(first, first + n_failed):
        with pytest.raises(FailedDrawError):
            await draw(sampler, source(failing, "v", generation), f"bad {number}", 0)
    sampler.keep_failures()


def broken() -> NotingEngine:
    return NotingEngine(error=FailedDrawError("v raised KeyError", "KeyError"))


@pytest.mark.service
@pytest.mark.parametrize(
    ("n_failed", "n_answered", "n_kept"), [(1, 3, 0), (2, 3, 2), (2, 0, 0), (2, 198, 0), (3, 198, 3)]
)
def test_what_an_application_fails_at_is_kept_where_that_is_not_rare(
    store: Store, n_failed: int, n_answered: int, n_kept: int
) -> None:
    """One in a hundred is a network that broke; more would be hidden by those that survive."""
    run(store, lambda s: _ask(s, broken(), n_failed, n_answered))
    assert store.info().samples == n_answered + n_kept

    async def again(sampler: Sampler, engine: NotingEngine | None) -> Exception:
        with pytest.raises(FailedDrawError) as raised:
            await draw(sampler, source(engine), "bad 0", 0)
        assert [[*found.values()] for found in sampler.failures.values()] == [["KeyError"]]
        return raised.value

    if not n_kept:
        assert run(store, lambda s: draw(s, source(NotingEngine()), "bad 0", 0))[0].text == "bad 0/0"
        return
    for engine in (NotingEngine(), None):
        (kept,) = run(store, lambda s, engine=engine: again(s, engine))
        assert (str(kept), kept.cause) == ("v raised KeyError", "KeyError")
    assert run(store, lambda s: draw(s, source(NotingEngine(), "v", 1), "bad 0", 0))[0].text == "bad 0/0"


def test_failures_are_counted_over_all_runs_and_an_answer_takes_none_back(store: Store) -> None:
    """Neither small runs nor one case at a time draw until it succeeds."""
    for _ in range(2):
        run(store, lambda s: _ask(s, broken(), 1, 3))
        assert store.info().samples == 3, "the same draw counts once"
    assert run(store, lambda s: draw(s, source(NotingEngine()), "bad 0", 0))[0].text == "bad 0/0"
    run(store, lambda s: _ask(s, broken(), 1, 0, first=1))
    assert run(store, lambda s: draw(s, source(NotingEngine()), "bad 1", 0))[0].cause == "KeyError"
    assert run(store, lambda s: draw(s, source(NotingEngine()), "bad 0", 0))[0].text == "bad 0/0"


def test_failures_of_another_generation_do_not_count(store: Store) -> None:
    """Else `--fresh`, which draws all anew once a limit is raised, would keep a single failure for those before it."""
    run(store, lambda s: _ask(s, broken(), 2, 3))
    run(store, lambda s: _ask(s, broken(), 1, 3, generation=1))
    assert run(store, lambda s: draw(s, source(NotingEngine(), "v", 1), "bad 0", 0))[0].text == "bad 0/0"
    assert run(store, lambda s: draw(s, source(NotingEngine()), "bad 0", 0))[0].cause == "KeyError"


@pytest.mark.parametrize("asks_again", [False, True])
def test_what_failed_is_not_asked_again_in_the_same_run(store: Store, asks_again: bool) -> None:
    """Else a draw that two evaluations share had two tries."""
    failing, engine = broken(), NotingEngine()

    async def work() -> list[str]:
        sampler = Sampler(store, window=8, asks_again=asks_again)
        found = []
        for each in (failing, engine):
            try:
                found.append((await draw(sampler, source(each), "q", 0)).text)
            except FailedDrawError as error:
                found.append(str(error))
        await sampler.close()
        return found

    assert asyncio.run(work()) == ["v raised KeyError", "q/0" if asks_again else "v raised KeyError"]
    assert len(engine.asked) == asks_again


@pytest.mark.service
def test_answers_to_others_hide_no_failures_of_a_run(store: Store) -> None:
    """What is rare among all draws of a store may be a third of an evaluation's."""
    answered = [(lambda s, i=i: draw(s, source(NotingEngine()), "q", i)) for i in range(300)]
    run(store, *answered, lambda s: _ask(s, broken(), 1, 1))

    async def ask(sampler: Sampler) -> None:
        await draw(sampler, source(NotingEngine()), "else", 0)
        await _ask(sampler, broken(), 2, 0, first=1)

    run(store, ask)
    kept = run(store, *(lambda s, i=i: draw(s, source(NotingEngine()), f"bad {i}", 0) for i in (1, 2)))
    assert [each.cause for each in kept] == ["KeyError"] * 2
    assert run(store, lambda s: draw(s, source(NotingEngine()), "bad 0", 0))[0].text == "bad 0/0", "rare in its run"


class FullStore:
    """A store in which there is no room for notes."""

    def __init__(self, store: Store) -> None:
        self.find, self.add, self.draw_leases = store.find, store.add, store.draw_leases

    def note_failures(self, draws: Sequence[NewSample]) -> NotedFailures:
        raise StoreError("The store is full.")


def test_samples_that_could_not_be_stored_are_counted(store: Store) -> None:
    full: Any = FullStore(store)

    def refuse(draws: Sequence[NewSample], wait_s: float) -> list[Sample]:
        raise StoreError("The store is full.")

    async def work(sampler: Sampler) -> int:
        full.add = refuse
        drawn = await asyncio.gather(
            *(draw(sampler, source(NotingEngine()), "q", i) for i in range(3)), return_exceptions=True
        )
        assert {str(each) for each in drawn} == {"The store is full."}
        return sampler.n_unstored

    assert run(full, work) == [3]


def test_a_store_that_does_not_take_notes_costs_the_run_nothing_else(store: Store) -> None:
    full: Any = FullStore(store)

    async def work(sampler: Sampler) -> dict[str, str]:
        await _ask(sampler, broken(), 2, 3)
        return sampler.unnoted

    assert run(full, work) == [{"v" * 8: "The store is full."}]
    assert store.info().samples == 3


def test_the_draws_of_one_request_that_failed_are_one_failure(store: Store) -> None:
    late = FailedDrawError("not within 5 s", "a timeout")

    async def ask(sampler: Sampler, text: str) -> None:
        draws = (draw(sampler, source(NotingEngine(error=late)), text, index) for index in range(5))
        assert await asyncio.gather(*draws, return_exceptions=True) == [late] * 5
        sampler.keep_failures()

    run(store, lambda s: draw(s, source(NotingEngine()), "q", 0))
    run(store, lambda s: ask(s, "slow"))
    assert store.info().samples == 1
    run(store, lambda s: ask(s, "slow too"))
    assert store.info().samples == 11


@pytest.mark.parametrize(("n_failed", "n_kept"), [(9, 9), (10, 0)])
def test_a_run_of_ten_draws_that_all_failed_tells_of_a_missing_key(store: Store, n_failed: int, n_kept: int) -> None:
    run(store, lambda s: draw(s, source(NotingEngine()), "q", 0))
    run(store, lambda s: _ask(s, broken(), n_failed, 0))
    assert store.info().samples == 1 + n_kept


def test_what_failed_before_an_endpoint_went_silent_is_not_kept(store: Store) -> None:
    silent = NotingEngine(error=UnreachableError("is given up", "a timeout"))

    async def work(sampler: Sampler) -> None:
        with pytest.raises(UnreachableError):
            await draw(sampler, source(silent), "q", 9)
        await _ask(sampler, broken(), 2, 3)

    run(store, work)
    assert store.info().samples == 3


def test_what_fails_while_a_run_is_interrupted_is_not_kept(store: Store) -> None:
    run(store, lambda s: draw(s, source(NotingEngine()), "other", 0))

    async def halted(sampler: Sampler) -> None:
        sampler.halt()
        await _ask(sampler, broken(), 2, 0)

    run(store, halted)
    assert store.info().samples == 1


@pytest.mark.parametrize(("error", "n_asked"), [(EngineError("down"), 1), (CapabilityError("takes no tools"), 0)])
def test_what_is_refused_before_it_is_sent_was_not_asked(store: Store, error: EngineError, n_asked: int) -> None:
    broken = source(NotingEngine(error=error))

    async def asked(sampler: Sampler) -> int:
        with pytest.raises(type(error)):
            await draw(sampler, broken, "q", 0)
        return sampler.origins(broken).n_asked

    assert run(store, asked) == [n_asked]


def test_engine_that_can_not_start_fails_all_its_requests(store: Store) -> None:
    engine = NotingEngine()
    engine.start_error = EngineError("no weights")
    where = source(engine)
    results = run(store, *(lambda s, t=t: draw(s, where, t, 0) for t in "abc"))
    assert [str(result) for result in results] == ["no weights"] * 3
    assert engine.asked == []
    assert (engine.started, engine.closed) == (1, 1)


def test_request_beyond_an_engine_is_refused_before_it_is_asked(store: Store) -> None:
    engine = NotingEngine()

    async def work(sampler: Sampler) -> Sample:
        request = Request(kind="loglikelihood", prompt="a", continuation="b")
        _, sample = await sampler.draw(source(engine), request, question(source(engine), request), 0)
        return sample

    (result,) = run(store, work)
    assert isinstance(result, CapabilityError)
    assert "noting has no loglikelihood (it has: seed)" in str(result)
    assert engine.started == 0


def test_what_has_arrived_is_stored_when_the_run_is_cut_short(store: Store) -> None:
    fast, slow = NotingEngine("fast"), NotingEngine("slow")
    slow.answers.clear()

    async def cut_short() -> None:
        sampler = Sampler(store, window=8)
        tasks = [asyncio.create_task(draw(sampler, source(e, e.name), "q", 0)) for e in (fast, slow)]
        await tasks[0]
        for task in tasks:
            task.cancel()
        await sampler.close()

    asyncio.run(cut_short())
    assert store.info().samples == 1
    assert (fast.closed, slow.closed) == (1, 1)


def test_what_engines_say_of_requests_that_are_sent_again_is_gathered(store: Store) -> None:
    well, ill = NotingEngine("well"), NotingEngine("ill")
    ill.trouble = "no connection, repeating 1 request"

    async def work(sampler: Sampler) -> list[str]:
        for engine in (well, ill):
            await draw(sampler, source(engine, engine.name), "q", 0)
        return sampler.window.troubles

    assert run(store, work) == [["no connection, repeating 1 request"]]


def test_sample_that_can_not_be_stored_costs_those_beside_it_nothing(store: Store) -> None:
    class Odd(NotingEngine):
        async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
            samples = await super().sample(request, indices)
            return [replace(each, completion_tokens=2**70) if each.index == 1 else each for each in samples]

    where = source(Odd())
    first, odd, last = run(store, *(lambda s, i=i: draw(s, where, "q", i) for i in range(3)))
    assert (first.text, last.text) == ("q/0", "q/2")
    assert isinstance(odd, UnstorableError)
    assert store.info().samples == 2
    assert run(store, lambda s: draw(s, source(NotingEngine()), "q", 1))[0].text == "q/1"


def test_usage_counts_what_was_drawn_what_the_store_had_and_what_was_asked_again(store: Store) -> None:
    async def work() -> tuple[int, int, int]:
        sampler = Sampler(store, window=8)
        where = source(NotingEngine())
        await asyncio.gather(*(draw(sampler, where, "q", i) for i in (0, 1, 2, 2)))
        await draw(sampler, where, "q", 1)
        await sampler.close()
        return sampler.model_calls, sampler.stored_samples, sampler.shared_samples

    assert asyncio.run(work()) == (3, 0, 2)
    assert asyncio.run(work()) == (0, 3, 2)
