"""Evaluations that share a budget: none starts a step while another has started fewer."""

from __future__ import annotations

import asyncio

from harness.gate.sampling.turns import Turns


async def pause(n: int = 10) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


def never() -> bool:
    return False


async def stepping(turns: Turns, who: str, n: int, seen: list[str], n_pauses: int = 1) -> None:
    """Take so many turns, and let others go on in between."""
    turns.join(who)
    for _ in range(n):
        await turns.take(who, never)
        seen.append(who)
        await pause(n_pauses)
    turns.leave(who)


async def together(turns: Turns, **steps: tuple[int, int]) -> list[str]:
    seen: list[str] = []
    works = [asyncio.ensure_future(stepping(turns, who, n, seen, pause)) for who, (n, pause) in steps.items()]
    await asyncio.gather(*works)
    return seen


def test_all_come_about_as_far_at_any_time() -> None:
    seen = asyncio.run(together(Turns(are_kept=True), a=(6, 1), b=(6, 20), c=(6, 1)))
    for end in range(len(seen)):
        counts = [seen[:end].count(who) for who in "abc"]
        assert max(counts) - min(counts) <= 1


def test_who_leaves_holds_nobody_up() -> None:
    seen = asyncio.run(together(Turns(are_kept=True), a=(2, 1), b=(7, 1)))
    assert seen.count("b") == 7


def test_nobody_starts_before_those_that_were_started_with_it_have_joined() -> None:
    async def begun() -> list[str]:
        turns, seen = Turns(are_kept=True), list[str]()
        await asyncio.gather(*(stepping(turns, who, 3, seen, n_pauses=0) for who in "ab"))
        return seen

    assert asyncio.run(begun())[:2] == ["a", "b"]


def test_who_is_decided_while_it_waits_waits_no_longer() -> None:
    async def decided() -> None:
        turns = Turns(are_kept=True)
        turns.join("slow")
        turns.join("fast")
        await turns.take("fast", never)
        over = False
        waiting = asyncio.ensure_future(turns.take("fast", lambda: over))
        await asyncio.sleep(0)
        assert not waiting.done()
        over = True
        turns.go_on()
        await asyncio.wait_for(waiting, timeout=5)

    asyncio.run(decided())


def test_without_a_shared_budget_all_go_as_they_like() -> None:
    async def free() -> None:
        turns = Turns(are_kept=False)
        turns.join("slow")
        turns.join("fast")
        for _ in range(5):
            await turns.take("fast", never)

    asyncio.run(free())
