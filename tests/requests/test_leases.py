"""Two runs on one store draw each sample once."""

from __future__ import annotations

import asyncio

import pytest

from harness.errors import BudgetSpentError, FailedDrawError
from harness.records import BudgetLimits, Sample
from harness.requests import Sampler
from harness.requests.spending import Spending
from harness.store import Store
from tests.requests.engines import NotingEngine
from tests.requests.samplers import draw, source, store
from tests.waiting import until

__all__ = ["store"]


def slow(error: Exception | None = None) -> NotingEngine:
    """An engine that answers once it may."""
    engine = NotingEngine(error=error)
    engine.answers.clear()
    return engine


async def both(
    store: Store, held: NotingEngine, spending: Spending | None = None
) -> tuple[Sampler, Sampler, NotingEngine, list[asyncio.Task[Sample]]]:
    """Two runs that ask for the same sample: the first draws it, and the second waits."""
    first, second, other = Sampler(store, window=8), Sampler(store, window=8, spending=spending), NotingEngine()
    tasks = [asyncio.create_task(draw(first, source(held), "q", 0))]
    await until(lambda: first.window.in_flight)
    tasks.append(asyncio.create_task(draw(second, source(other), "q", 0)))
    await until(lambda: second.trouble == "waiting for 1 samples that another run draws")
    return first, second, other, tasks


def test_what_another_run_draws_is_waited_for(store: Store) -> None:
    async def work() -> None:
        held = slow()
        first, second, other, tasks = await both(store, held)
        held.answers.set()
        assert [each.text for each in await asyncio.gather(*tasks)] == ["q/0", "q/0"]
        assert (other.asked, second.model_calls, second.stored_samples) == ([], 0, 1)
        assert second.trouble == ""
        await first.close()
        await second.close()

    asyncio.run(work())


@pytest.mark.parametrize("ends", ["it failed", "its run ended"])
def test_what_another_run_does_not_draw_is_drawn(store: Store, ends: str) -> None:
    async def work() -> None:
        held = slow(FailedDrawError("bad", "KeyError"))
        first, second, other, tasks = await both(store, held)
        if ends == "it failed":
            held.answers.set()
        else:
            await first.close()
        assert (await tasks[1]).text == "q/0"
        assert (len(other.asked), second.model_calls) == (1, 1)
        await asyncio.gather(*tasks, return_exceptions=True)
        await first.close()
        await second.close()

    asyncio.run(work())


def test_who_gave_up_waiting_draws_nothing_later(store: Store) -> None:
    async def work() -> None:
        first, second, other, tasks = await both(store, slow())
        tasks[1].cancel()
        await until(lambda: not second._elsewhere)
        await first.close()
        await asyncio.sleep(0)
        assert (second._looking_again, other.asked) == (None, [])
        await second.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(work())


def test_the_deadline_ends_the_waiting(store: Store) -> None:
    async def work() -> None:
        spending = Spending(BudgetLimits(deadline_s=1e9))
        first, second, _, tasks = await both(store, slow(), spending)
        spending.limits = BudgetLimits(deadline_s=0.0)
        with pytest.raises(BudgetSpentError):
            await tasks[1]
        await first.close()
        await second.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(work())


def test_what_does_not_fit_in_the_window_is_left_to_others(store: Store) -> None:
    async def work() -> None:
        held, free = slow(), NotingEngine()
        first, second = Sampler(store, window=2), Sampler(store, window=2)
        tasks = [asyncio.create_task(draw(first, source(held), f"q{n}", 0)) for n in range(40)]
        await until(lambda: first.window.in_flight)
        tasks += [asyncio.create_task(draw(second, source(free), f"q{n}", 0)) for n in range(40)]
        await until(lambda: second.model_calls == 32)  # all but the four windows of the first
        held.answers.set()
        await asyncio.gather(*tasks)
        assert (first.model_calls, second.model_calls) == (8, 32)
        await first.close()
        await second.close()

    asyncio.run(work())
