"""What belongs to one press, also when the signals were given back."""

from __future__ import annotations

import signal

import pytest

from harness.plugin.loop.interrupts import Interrupts

pytestmark = pytest.mark.service


def test_signals_within_a_second_are_one_also_for_those_who_get_them_back() -> None:
    now_s = 100.0

    def press(after_s: float) -> None:
        nonlocal now_s
        now_s += after_s
        signal.raise_signal(signal.SIGINT)

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        heard = Interrupts(lambda: now_s)
        heard.listen()
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                press(after_s=1.1)
            press(after_s=0.9)
        heard.leave()
        press(after_s=0.0)
        with pytest.raises(KeyboardInterrupt):
            press(after_s=0.2)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)
