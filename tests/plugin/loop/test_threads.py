"""Threads for what bodies hand to one: no more than allowed, used again, and nobody waits for them at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.plugin.loop.threads import LooseThreads

WAIT_S = 30


@pytest.fixture
def pool() -> Iterator[LooseThreads]:
    made = LooseThreads(2)
    yield made
    made.shutdown()


def test_what_a_function_returns_or_raises_is_the_futures(pool: LooseThreads) -> None:
    assert pool.submit(divmod, 7, 2).result(WAIT_S) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(WAIT_S)


def test_no_more_run_at_once_than_are_allowed(pool: LooseThreads) -> None:
    go, both, third = threading.Event(), threading.Barrier(3), threading.Event()

    def hold() -> str:
        both.wait(WAIT_S)
        go.wait(WAIT_S)
        return threading.current_thread().name

    held = [pool.submit(hold) for _ in range(2)]
    both.wait(WAIT_S)
    after = pool.submit(third.set)
    assert not third.is_set()
    go.set()
    after.result(WAIT_S)
    assert {each.result(WAIT_S) for each in held} == {"steelyard-body-1", "steelyard-body-2"}


def test_threads_keep_nobody_from_ending_and_what_waits_is_dropped(pool: LooseThreads) -> None:
    go, running = threading.Event(), threading.Barrier(3)

    def hold() -> bool:
        running.wait(WAIT_S)
        assert threading.current_thread().daemon
        return go.wait(WAIT_S)

    held = [pool.submit(hold) for _ in range(2)]
    running.wait(WAIT_S)
    waiting = pool.submit(int)
    pool.shutdown()
    assert waiting.cancelled()
    assert not any(each.done() for each in held)
    go.set()
    assert [each.result(WAIT_S) for each in held] == [True, True]
