"""A call is imported before anything is asked, and what its version gives it is compared with what it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.application.look import check_call
from tests.models.application.asking import application, version

pytestmark = pytest.mark.service


CODE = "def answer(prompt): ...\ndef sampled(messages, sampling): ..."


def test_a_call_that_takes_what_it_is_given_is_sound(tmp_path: Path) -> None:
    application(tmp_path, CODE)
    check_call(version("bot:sampled", sampling={"temperature": 0.5}, system="Be brief."), tmp_path, sys.executable)


@pytest.mark.parametrize(
    ("code", "settings", "words"),
    [
        (CODE, {"sampling": {"temperature": 0.5}}, "'temperature': 0.5}, which bot:answer does not take"),
        (CODE, {"system": "Be brief."}, "has a system text, and bot:answer takes a prompt"),
        ("1 / 0", {}, "(?s)version 'bot' could not start: bot:answer can't be imported. ZeroDivisionError.*Traceback"),
        ("import os; print('no key'); os._exit(3)", {}, "(?s)ended with exit code 3"),
        ("import threading; threading.Event().wait()", {"timeout_s": 0.3}, "was not imported within 0.3 s"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", {}, r"was killed \(signal 9\)"),
    ],
)
def test_what_is_not_is_refused(tmp_path: Path, code: str, settings: dict[str, object], words: str) -> None:
    application(tmp_path, code)
    with pytest.raises(SettingsError, match=words):
        check_call(version(**settings), tmp_path, sys.executable)
