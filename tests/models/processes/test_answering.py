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
from harness.models.processes.answering import Answering, AskedProcess, answer_messages
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


if __name__ == "__main__":
    answer_messages(load)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[AskedProcess]:
    """One that is not started."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    process = AskedProcess("The process", CHILD, {"name": "it"})
    yield process
    process.close()


def test_it_answers_and_goes_on_after_an_error(asked: AskedProcess) -> None:
    assert asked.ask({"of": 4}) == 0.25
    with pytest.raises(EngineError, match="ZeroDivisionError: division by zero"):
        asked.ask({"of": 0})
    assert asked.ask({"of": 2}) == 0.5


def test_threads_that_ask_at_once_each_get_their_own_answer(asked: AskedProcess) -> None:
    found: dict[int, Any] = {}
    asking = [threading.Thread(target=lambda n=n: found.update({n: asked.ask({"of": n})})) for n in range(1, 9)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(120.0)
    assert found == {n: 1 / n for n in range(1, 9)}


def test_that_it_was_killed_is_told(asked: AskedProcess) -> None:
    assert asked.pid is None
    first = asked.ask({"of": 4})
    pid = asked.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert asked.ask({"of": 4}) == first
    with pytest.raises(EngineError, match=r"was killed \(signal 9\); the system does that when memory runs out"):
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
