"""The rest of a press: what still comes of it when the signals were given back."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace

import pytest

from harness.plugin.loop import interrupts
from harness.plugin.loop.interrupts import Interrupts

pytestmark = pytest.mark.service


def test_a_signal_of_the_same_press_is_not_heard_by_those_who_get_the_signals_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    monkeypatch.setattr(interrupts, "time", SimpleNamespace(monotonic=lambda: now_s))
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        heard = Interrupts()
        heard.listen()
        with pytest.raises(KeyboardInterrupt):
            press()
        heard.leave()
        now_s += 0.9
        press()
        now_s += 0.2
        with pytest.raises(KeyboardInterrupt):
            press()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
