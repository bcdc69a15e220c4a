"""A process that answers one message at a time."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError, SettingsError
from harness.models.processes.answering import Answering, AnsweringProcess, AskedProcess, answer_messages
from tests.waiting import wait_until

pytestmark = pytest.mark.service

CHILD = __name__
_COUNT = itertools.count(1)


def load(start: dict[str, Any]) -> tuple[str, Answering]:
    if start.get("fails"):
        raise SettingsError("no such weights")
    print("what a library says")
    return f"ready, {start['name']}", answer


def answer(message: dict[str, Any]) -> Any:
    if "hangs" in message:
        Path(message["hangs"]).touch()
        signal.pause()
    return next(_COUNT) if "counted" in message else 1 / message["of"]


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringProcess]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    started = AnsweringProcess("The process", CHILD)
    yield started
    started.close()


def test_it_answers_and_goes_on_after_an_error(process: AnsweringProcess) -> None:
    assert process.ask({"name": "it"}) == {"answer": "ready, it"}
    assert process.ask({"of": 4}) == {"answer": 0.25}
    assert process.ask({"of": 0}) == {"error": "ZeroDivisionError: division by zero"}
    assert process.ask({"of": 2}) == {"answer": 0.5}


def test_what_can_not_be_loaded_is_told_and_ends_it(process: AnsweringProcess) -> None:
    assert process.ask({"fails": True}) == {"error": "no such weights"}
    with pytest.raises(EngineError, match="The process ended with exit code 0"):
        process.ask({"of": 1})


def test_threads_that_ask_at_once_each_get_their_own_answer(process: AnsweringProcess) -> None:
    process.ask({"name": "it"})
    found: dict[int, Any] = {}
    asking = [threading.Thread(target=lambda n=n: found.update({n: process.ask({"of": n})})) for n in range(1, 9)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(120.0)
    assert found == {n: {"answer": 1 / n} for n in range(1, 9)}


def test_that_it_was_killed_is_told(process: AnsweringProcess) -> None:
    process.ask({"name": "it"})
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"was killed \(signal 9\); the system does that when memory runs out"):
        process.ask({"of": 1})


def test_one_that_is_busy_is_ended_at_once(process: AnsweringProcess, tmp_path: Path) -> None:
    process.ask({"name": "it"})
    told: list[BaseException] = []

    def ask() -> None:
        try:
            process.ask({"hangs": str(tmp_path / "asked")})
        except EngineError as error:
            told.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until((tmp_path / "asked").exists)
    process.close()
    asking.join(120.0)
    assert "was killed (signal 9)" in str(told[0])


if __name__ == "__main__":
    answer_messages(load)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> AskedProcess:
    """One that is not started."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    return AskedProcess("The process", CHILD, {"name": "it"})


def test_one_that_is_started_by_the_first_question(asked: AskedProcess) -> None:
    assert asked.pid is None
    first = asked.ask({"of": 4})
    pid = asked.pid
    assert pid is not None
    assert asked.ask({"of": 4}) == first
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"The process was killed \(signal 9\)"):
        asked.ask({"of": 2})
    asked.close()
    assert asked.pid is None
    asked.close()


def test_what_was_asked_before_is_not_computed_again(asked: AskedProcess) -> None:
    found: list[Any] = []
    messages = [{"counted": name} for name in "aabab"]
    asking = [threading.Thread(target=lambda each=each: found.append(asked.ask(each))) for each in messages]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(120.0)
    asked.close()
    assert sorted(found) in ([1, 1, 1, 2, 2], [1, 1, 2, 2, 2])


def test_who_waits_while_it_is_closed_is_told_and_starts_no_other(asked: AskedProcess, tmp_path: Path) -> None:
    asked.ask({"of": 1})
    told: list[str] = []

    def ask(number: int) -> None:
        try:
            asked.ask({"hangs": str(tmp_path / f"{number}")})
        except EngineError as error:
            told.append(str(error))

    asking = [threading.Thread(target=ask, args=(number,)) for number in (2, 3)]
    for thread in asking:
        thread.start()
    wait_until(lambda: list(tmp_path.iterdir()))
    asked.close()
    for thread in asking:
        thread.join(120.0)
    assert sorted(each.split(" (")[0] for each in told) == ["The process was closed.", "The process was killed"]
    assert asked.pid is None
    assert asked.ask({"of": 1}) == 1.0


def test_one_that_could_not_start_says_why(asked: AskedProcess) -> None:
    asked._start = {"fails": True}
    with pytest.raises(SettingsError, match="The process could not start: no such weights"):
        asked.ask({"of": 1})
