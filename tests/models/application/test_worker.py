"""What `call` names is imported, made once, and asked as its signature says; what can't be says why. Its process needs
the standard library alone, and ends with who started it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.application.engine import worker_command
from harness.models.application.worker import Application, cause, error_text, load_application
from harness.models.processes.child import encode_frame
from tests.models.application.asking import application
from tests.processes import is_running
from tests.waiting import wait_until

pytestmark = pytest.mark.service

_NUMBERS = itertools.count()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module's name that was not imported yet, in a folder that is on the path."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"application_{next(_NUMBERS)}"
    yield name
    sys.modules.pop(name, None)


def load(folder: Path, module: str, code: str, path: str = "answer") -> Application:
    application(folder, code, f"{module}.py")
    return load_application(f"{module}:{path}")


@pytest.mark.parametrize(
    ("parameters", "takes_messages"),
    [
        ("prompt", False),
        ("question", False),
        ("messages", True),
        ("history", True),
        ("messages: str", False),
        ("prompt: list", True),
        ("prompt: 'list[dict[str, str]]'", True),
        ("prompt: Sequence[dict]", True),
        ("messages: str | list", True),
        ("question: str | list", False),
        ("question: 'Missing'", False),
        ("prompt: 'Sequence[Missing]'", True),
        ("*messages", True),
    ],
)
def test_a_first_parameter_says_by_annotation_then_by_name_what_it_takes(
    tmp_path: Path, module: str, parameters: str, takes_messages: bool
) -> None:
    code = f"from collections.abc import Sequence\ndef answer({parameters}): return ''"
    assert load(tmp_path, module, code).takes_messages is takes_messages


def test_options_are_given_to_who_names_them(tmp_path: Path, module: str) -> None:
    found = load(tmp_path, module, "async def answer(prompt, tools, *, sampling=None, k=3, **rest): return ''")
    assert (found.options, found.is_async) == ({"tools", "sampling"}, True)


def test_a_class_is_made_once_and_asked_by_its_call_or_a_method(tmp_path: Path, module: str) -> None:
    code = """
    MADE = []
    class Bot:
        def __init__(self): MADE.append(self)
        def __call__(self, prompt): return "called"
        async def answer(self, messages): return "answered"
        @staticmethod
        def plain(prompt): return "plain"
        def close(self): return "closed"
    bot = Bot()
    """
    called = load(tmp_path, module, code, "Bot")
    assert called.function("Hi") == "called"
    assert called.close is not None
    assert called.close() == "closed"
    method = load_application(f"{module}:Bot.answer")
    assert (method.is_async, method.takes_messages) == (True, True)
    assert len(sys.modules[module].MADE) == 3
    assert load_application(f"{module}:Bot.plain").function("Hi") == "plain"
    made = load_application(f"{module}:bot.answer")
    assert made.close is not None
    assert len(sys.modules[module].MADE) == 3


@pytest.mark.parametrize(
    ("code", "path", "words"),
    [
        ("import nothing_like_it", "answer", "can't be imported. ModuleNotFoundError: No module named 'no"),
        ("1 / 0", "answer", "(?s)can't be imported. ZeroDivisionError: division by zero.*line 1, in <module>.*1 / 0"),
        ("def answer(prompt:", "answer", "(?s)can't be imported.*SyntaxError"),
        ("import sys; sys.exit(3)", "answer", "can't be imported. SystemExit: 3"),
        ("def answers(prompt): ...", "answer", "has no 'answer'. Did you mean 'answers'"),
        ("answer = 3", "answer", "is int, which can't be called. Name a function"),
        ("class answer:\n  def __init__(self, key): ...", "answer", r"answer\(\) of .* can't be made. TypeError"),
        ("def answer(): ...", "answer", "takes nothing by position. Give it a first parameter"),
        ("def answer(*, question): ...", "answer", "takes nothing by position. Give it a first parameter"),
        ("def answer(prompt, user, *, key): ...", "answer", "needs user, key, which nobody gives it"),
        ("def answer(prompt): yield 1", "answer", "yields pieces of an answer"),
        ("async def answer(prompt): yield 1", "answer", "yields pieces of an answer"),
    ],
)  # fmt: skip
def test_what_can_t_be_asked_says_why(tmp_path: Path, module: str, code: str, path: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(tmp_path, module, code, path)


def test_a_module_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path, module: str) -> None:
    sys.path[:0] = [str(tmp_path)]
    with pytest.raises(SettingsError, match=f"no module '{module}' in {tmp_path}, nor among"):
        load_application(f"{module}:answer")


def test_an_exception_is_told_with_the_lines_that_it_came_through(tmp_path: Path, module: str) -> None:
    found = load(tmp_path, module, "def deep(x):\n    raise KeyError(x)\ndef answer(prompt):\n    return deep(prompt)")
    with pytest.raises(KeyError) as raised:
        found.function("order 7")
    text = error_text(raised.value)
    assert text.startswith("KeyError: 'order 7'\nTraceback (most recent call last):\n")
    assert f'File "{tmp_path / module}.py", line 2, in deep\n    raise KeyError(x)' in text
    assert cause(raised.value) == f"KeyError at {tmp_path / module}.py:2"
    assert len(error_text(ValueError("x" * 10_000))) < 600


def test_an_interpreter_without_any_package_runs_it(tmp_path: Path) -> None:
    application(tmp_path, "def answer(prompt): return prompt")
    application(tmp_path, "raise AssertionError", "harness.py")  # another package of this name hides nothing
    (python, *options) = worker_command(sys.executable)
    given = {"name": "bot", "call": "bot:answer", "paths": [str(tmp_path)]}
    asked = {"prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]}
    calls = [
        {"id": 0, "op": "start", "payload": given},
        {"cancel": 9},
        {"id": 1, "op": "ask", "payload": asked},
        {"close": True},
    ]
    worker = subprocess.Popen(
        [python, "-I", "-S", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        start_new_session=True,
    )
    with worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stderr is not None
        worker.stdin.write(b"".join(map(encode_frame, calls)))
        worker.stdin.flush()
        ready, answer = map(json.loads, worker.stdout)
        assert worker.stderr.read() == b""
    assert worker.returncode == 0
    assert ready == {"id": 0, "result": {"takes_messages": False, "is_async": False, "options": []}}
    assert answer["result"]["answer"] == "Hi"


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = "import os, signal\ndef answer(prompt):\n  print(os.getpid(), flush=True)\n  signal.pause()"
    application(tmp_path, code)
    parent = f"""
import signal, subprocess, sys
from harness.models.application.engine import worker_command
from harness.models.processes.child import encode_frame
command, PIPE, NULL = worker_command(sys.executable), subprocess.PIPE, subprocess.DEVNULL
worker = subprocess.Popen(command, stdin=PIPE, stdout=NULL, start_new_session=True)
given = {{"name": "bot", "call": "bot:answer", "paths": [{str(tmp_path)!r}]}}
worker.stdin.write(encode_frame({{"id": 0, "op": "start", "payload": given}}))
worker.stdin.write(encode_frame({{"id": 1, "op": "ask", "payload": {{"prompt": "Hi", "messages": []}}}}))
worker.stdin.flush()
signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    worker = int(process.stderr.readline())
    process.kill()
    process.wait()
    process.stderr.close()
    wait_until(lambda: not is_running(worker))
