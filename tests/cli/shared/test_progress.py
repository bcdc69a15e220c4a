from __future__ import annotations

import io
import sys

import pytest

from harness.cli.shared.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress(4, "texts") as step:
        for _ in range(4):
            step()
    shown = sys.stderr.getvalue()
    assert "texts" in shown
    assert "100%" in shown


def test_a_file_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress(4, "texts") as step:
        step()
    assert sys.stderr.getvalue() == ""
