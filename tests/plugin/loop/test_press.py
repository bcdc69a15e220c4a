"""The rest of a press: what still comes of it when the signals were given back."""

from __future__ import annotations

import os
import signal
import time

import pytest

from harness.plugin.loop import interrupts
from harness.plugin.loop.interrupts import Interrupts


def test_a_signal_of_the_same_press_is_not_heard_by_those_who_get_the_signals_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interrupts, "_SAME_PRESS_S", 0.3)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        heard = Interrupts()
        heard.listen()
        with pytest.raises(KeyboardInterrupt):
            press()
        heard.leave()
        press()
        time.sleep(0.4)
        with pytest.raises(KeyboardInterrupt):
            press()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
