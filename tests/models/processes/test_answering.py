"""A process that answers one message at a time."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError, SettingsError
from harness.models.processes.answering import Answering, AnsweringProcess, AskedProcess, answer_messages

pytestmark = pytest.mark.service

CHILD = __name__
_COUNT = itertools.count(1)


def load(start: dict[str, Any]) -> tuple[str, Answering]:
    if start.get("fails"):
        raise SettingsError("no such weights")
    print("what a library says")
    return f"ready, {start['name']}", answer


def answer(message: dict[str, Any]) -> Any:
    time.sleep(message.get("takes_s", 0.0))
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
    asking = [
        threading.Thread(target=lambda n=n: found.update({n: process.ask({"of": n, "takes_s": 0.01})}))
        for n in range(1, 9)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert found == {n: {"answer": 1 / n} for n in range(1, 9)}


def test_that_it_was_killed_is_told(process: AnsweringProcess) -> None:
    process.ask({"name": "it"})
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"was killed \(signal 9\); the system does that when memory runs out"):
        process.ask({"of": 1})


def test_one_that_is_busy_is_ended_at_once(process: AnsweringProcess) -> None:
    process.ask({"name": "it"})
    told: list[BaseException] = []

    def ask() -> None:
        try:
            process.ask({"of": 1, "takes_s": 60.0})
        except EngineError as error:
            told.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2)
    process.close()
    asking.join(10.0)
    assert "was killed (signal 9)" in str(told[0])


if __name__ == "__main__":
    answer_messages(load)


@pytest.mark.nightly
def test_one_that_is_started_by_the_first_question(tiny_llama: Path) -> None:
    start = {"engine": "transformers", "options": {"weights": str(tiny_llama)}, "root": "."}
    process = AskedProcess("The tokenizer", "harness.models.tokenization.loading", start)
    assert process.pid is None
    first = process.ask({"ask": "encode", "text": "abc"})
    pid = process.pid
    assert pid is not None
    assert process.ask({"ask": "encode", "text": "abc"}) == first
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"The tokenizer was killed \(signal 9\)"):
        process.ask({"ask": "encode", "text": "another"})
    process.close()
    assert process.pid is None
    process.close()


def test_what_was_asked_before_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    process = AskedProcess("The process", CHILD, {"name": "it"})
    found: list[Any] = []
    messages = [{"counted": name, "takes_s": 0.05} for name in "aabab"]
    asking = [threading.Thread(target=lambda each=each: found.append(process.ask(each))) for each in messages]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    process.close()
    assert sorted(found) in ([1, 1, 1, 2, 2], [1, 1, 2, 2, 2])


def test_who_waits_while_it_is_closed_is_told_and_starts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    process = AskedProcess("The process", CHILD, {"name": "it"})
    process.ask({"of": 1})
    told: list[str] = []

    def ask(number: int) -> None:
        try:
            process.ask({"of": number, "takes_s": 60.0})
        except EngineError as error:
            told.append(str(error))

    asking = [threading.Thread(target=ask, args=(number,)) for number in (2, 3)]
    for thread in asking:
        thread.start()
    time.sleep(0.2)
    process.close()
    for thread in asking:
        thread.join(10.0)
    assert sorted(each.split(" (")[0] for each in told) == ["The process was closed.", "The process was killed"]
    assert process.pid is None
    assert process.ask({"of": 1}) == 1.0


@pytest.mark.nightly
def test_one_that_could_not_start_says_why() -> None:
    start = {"options": {"weights": "none"}, "adapter": "none", "root": "/none"}
    process = AskedProcess("The adapter of x", "harness.stages.customization.adapter_process", start)
    with pytest.raises(SettingsError, match="The adapter of x could not start: weights = 'none'"):
        process.ask({"text": "abc"})
