"""How many bodies are let in at once, and that evaluations that share a budget come equally far."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.versions import VersionSettings
from harness.decisions import Look
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.sampling.collector import Collector
from harness.gate.sampling.feeding import Admission, Feeder
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import order_of
from harness.models.version import Version
from harness.records import BudgetLimits, Case
from harness.requests import Sampler, SampleSource, Spending
from harness.store import Store


async def settled() -> None:
    """Let everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_groups_are_let_in_up_to_the_limit_first_come_first_served() -> None:
    async def run() -> None:
        gate, entered = Admission(10), []

        async def enter(name: str, size: int, rank: int) -> None:
            await gate.acquire(size, rank)
            entered.append(name)

        asked = (("a", 6, 1), ("b", 5, 1), ("c", 1, 1), ("d", 4, 1), ("e", 5, 0))
        tasks = [asyncio.create_task(enter(*each)) for each in asked]
        await settled()
        assert entered == ["a"]
        gate.release(6)
        await settled()
        assert entered == ["a", "e", "b"], "what has a lower rank goes first"
        gate.release(5)
        await settled()
        assert entered == ["a", "e", "b", "c", "d"]
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_group_larger_than_the_limit_is_let_in_alone() -> None:
    async def run() -> None:
        gate = Admission(3)
        await gate.acquire(1)
        large = asyncio.create_task(gate.acquire(100))
        await settled()
        assert not large.done()
        gate.release(1)
        await settled()
        assert large.done()
        small = asyncio.create_task(gate.acquire(1))
        await settled()
        assert not small.done()
        gate.release(100)
        await small

    asyncio.run(run())


def test_cancelled_group_gives_its_place_to_the_next() -> None:
    async def run() -> None:
        gate = Admission(2)
        await gate.acquire(2)
        waiting, following = (asyncio.create_task(gate.acquire(2)) for _ in range(2))
        await settled()
        waiting.cancel()
        gate.release(2)
        await asyncio.wait_for(following, 60)
        assert waiting.cancelled() or waiting.done()

    asyncio.run(run())


def test_group_cancelled_after_it_was_let_in_gives_its_room_back() -> None:
    async def run() -> None:
        gate = Admission(2)
        await gate.acquire(2)
        waiting = asyncio.create_task(gate.acquire(2))
        await settled()
        gate.release(2)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(gate.acquire(2), 60)

    asyncio.run(run())


Body = Callable[[], Coroutine[Any, Any, None]]


def feed(store: Store, limits: BudgetLimits, **bodies: tuple[int, Body]) -> list[Collector | BaseException]:
    """Feed an evaluation for each of these bodies, of so many cases, side by side."""

    async def run() -> list[Collector | BaseException]:
        sampler = Sampler(store, window=4, spending=Spending(limits))
        source = SampleSource(Version("v", VersionSettings("v", "scripted"), fingerprint="v" * 32), None)
        feeder = Feeder({"candidate": source}, (), sampler, 4, 0.05)

        async def one(name: str, n_cases: int, body: Body) -> Collector:
            plan = read_plan({"samples": 2}, Settings(root=Path()), where=name)
            cases = tuple(Case({"id": str(number)}) for number in range(n_cases))
            evaluation = Evaluation(name, plan, cases, body, lambda _: "error", frozenset())
            order = order_of(evaluation, 1, 0, may_be_cut=limits.bounded)
            collector = Collector(evaluation, order, {"candidate": "v" * 32}, lambda _: None, Entry(Look()))
            await feeder.feed(collector)
            return collector

        works = (one(name, *each) for name, each in bodies.items())
        found = await asyncio.gather(*works, return_exceptions=True)
        assert feeder.n_alive == 0
        await sampler.close()
        return found

    return asyncio.run(run())


def noting(seen: list[str], who: str, n_turns: int = 1) -> Body:
    """A body that notes that it began, and takes so many turns of the loop."""

    async def body() -> None:
        seen.append(who)
        for _ in range(n_turns):
            await asyncio.sleep(0)

    return body


def test_under_a_shared_budget_all_come_about_as_far_at_any_time(store: Store) -> None:
    seen: list[str] = []
    steps = {"a": (6, noting(seen, "a")), "b": (6, noting(seen, "b", 20)), "c": (6, noting(seen, "c"))}
    feed(store, BudgetLimits(max_requests=1000), **steps)
    assert len(seen) == 3 * 6 * 2
    for end in range(0, len(seen), 2):
        counts = [seen[:end].count(who) for who in "abc"]
        assert max(counts) - min(counts) <= 2, "a step of two samples"


def test_who_has_come_to_its_end_holds_nobody_up(store: Store) -> None:
    seen: list[str] = []
    feed(store, BudgetLimits(max_requests=1000), a=(2, noting(seen, "a")), b=(7, noting(seen, "b")))
    assert (seen.count("a"), seen.count("b")) == (4, 14)


def test_time_is_not_shared_so_that_under_a_deadline_all_go_as_they_like(store: Store) -> None:
    seen: list[str] = []
    feed(store, BudgetLimits(deadline_s=1e9), slow=(20, noting(seen, "slow", 200)), fast=(20, noting(seen, "fast")))
    last = len(seen) - seen[::-1].index("fast")
    assert seen[:last].count("slow") <= 2 * 9 < 40 == seen.count("slow")


def test_a_body_that_cancels_its_own_task_ends_its_evaluation_and_no_other(store: Store) -> None:
    async def cancels() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    seen: list[str] = []
    ended, other = feed(store, BudgetLimits(), bad=(3, cancels), good=(3, noting(seen, "good")))
    assert isinstance(ended, asyncio.CancelledError)
    assert isinstance(other, Collector)
    assert (other.done, len(seen)) == (6, 6)
