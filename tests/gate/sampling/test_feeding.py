"""How many bodies are let in at once, and that evaluations that share a budget come equally far."""

from __future__ import annotations

import asyncio

from harness.gate.sampling.feeding import Admission


async def settled() -> None:
    """Let everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_groups_are_let_in_up_to_the_limit_first_come_first_served() -> None:
    async def run() -> None:
        gate, entered = Admission(10), []

        async def enter(name: str, size: int) -> None:
            await gate.acquire(size)
            entered.append(name)

        tasks = [asyncio.create_task(enter(name, size)) for name, size in (("a", 6), ("b", 5), ("c", 1), ("d", 4))]
        await settled()
        assert entered == ["a"]
        gate.release(6)
        await settled()
        assert entered == ["a", "b", "c", "d"]
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
