"""Turns of threads that load with transformers."""

from __future__ import annotations

import threading

import pytest

from harness.models.weights.turns import loading_turn

pytestmark = pytest.mark.nightly

WAIT_S = 30


def test_a_second_thread_waits_for_the_first_ones_end_whatever_that_is() -> None:
    entered, seen = threading.Event(), []

    def second() -> None:
        entered.set()
        with loading_turn():
            seen.append("second")

    thread = threading.Thread(target=second)

    def first() -> None:
        with loading_turn():
            thread.start()
            assert entered.wait(WAIT_S)
            thread.join(0.05)
            seen.append("first")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        first()
    thread.join(WAIT_S)
    assert seen == ["first", "second"]
