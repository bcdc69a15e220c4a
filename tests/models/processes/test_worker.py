"""A worker answers, passes on what went wrong, and nothing is left of it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harness.errors import EngineError, FailedDrawError, NotInLineageError, SettingsError, SteelyardError
from harness.models.processes.child import encode_frame
from harness.models.processes.worker import WaitingWorker, Worker
from tests.processes import is_running
from tests.waiting import until, wait_until

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
TARGETS = "tests.models.processes.targets"


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def desk() -> Iterator[WaitingWorker]:
    with WaitingWorker(f"{TARGETS}:Desk", {}, name="The desk") as worker:
        yield worker


async def started(target: str, **payload: Any) -> Worker:
    return await Worker.spawn(f"{TARGETS}:{target}", name="it", start=payload)


def in_threads(*works: Any) -> None:
    """Do all at once."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120.0)


def test_it_answers_whatever_is_printed_and_goes_on_after_an_error(desk: WaitingWorker) -> None:
    assert desk.pid is None
    assert desk.call("divide", {"by": 4}) == 0.25
    with pytest.raises(EngineError, match="ZeroDivisionError: division by zero"):
        desk.call("divide", {"by": 0})
    text = "grüße\n" * 1_000_000
    assert desk.call("length", {"text": text}) == [len(text), text]
    with pytest.raises(EngineError, match=r"AttributeError.*nothing_like_it"):
        desk.call("nothing_like_it")


def test_an_error_comes_over_with_its_type_and_all_that_it_says(desk: WaitingWorker) -> None:
    with pytest.raises(FailedDrawError, match=r"^it failed$") as drawn:
        desk.call("refuse", {"how": "a draw"})
    assert drawn.value.cause == "a reason"
    with pytest.raises(NotInLineageError, match=r"^small has no weights$") as lacking:
        desk.call("refuse", {"how": "lineage"})
    assert lacking.value.advice == 'small has no weights: give it weights = "…"'


def test_one_that_could_not_start_says_why() -> None:
    with WaitingWorker(f"{TARGETS}:Desk", {"fails": True}, name="The desk") as desk:
        for _ in range(2):
            with pytest.raises(SettingsError, match=r"^The desk could not start: no such weights$"):
                desk.call("divide", {"by": 1})
    with (
        WaitingWorker("tests.nothing_like_it:Desk", {}, name="It") as worker,
        pytest.raises(SettingsError, match="It could not start: ModuleNotFoundError"),
    ):
        worker.call("divide", {"by": 1})
    with (
        WaitingWorker([str(ROOT)], name="It") as worker,
        pytest.raises(SettingsError, match=r"could not start: .*Permission denied"),
    ):
        worker.call("divide", {"by": 1})


def test_one_that_could_not_start_is_tried_again(tmp_path: Path) -> None:
    command = tmp_path / "command"
    with WaitingWorker([str(command)], name="It") as worker:
        for said in ("No such file", "ended with exit code 3"):
            with pytest.raises(SteelyardError, match=said):
                worker.call("divide", {"by": 1})
            assert worker.pid is None or said != "No such file"
            command.write_text("#!/bin/sh\nexit 3\n")
            command.chmod(0o700)


def test_a_fork_leaves_it_to_its_owner(desk: WaitingWorker) -> None:
    assert desk.call("divide", {"by": 4}) == 0.25
    if (child := os.fork()) == 0:
        try:
            desk.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert desk.call("divide", {"by": 2}) == 0.5


def test_one_that_is_killed_in_mid_call_says_so_and_gives_what_it_gave_before(
    desk: WaitingWorker, tmp_path: Path
) -> None:
    first = desk.ask("divide", by=4)

    def kill() -> None:
        wait_until((tmp_path / "hangs").exists)
        assert desk.pid is not None
        os.kill(desk.pid, signal.SIGKILL)

    said: list[SteelyardError] = []

    def hang() -> None:
        try:
            desk.call("hang", {"mark": str(tmp_path / "hangs")})
        except SteelyardError as error:
            said.append(error)

    in_threads(hang, kill)
    told = r"The desk: its process was killed \(signal 9\); the system does that when memory runs out. Its last lines:"
    assert [type(each) for each in said] == [EngineError]
    with pytest.raises(EngineError, match=f"{told}\n.*what a library writeswhat a library prints"):
        desk.ask("divide", by=2)
    assert desk.ask("divide", by=4) == first


def test_threads_that_ask_at_once_get_their_own_and_nothing_is_computed_twice(desk: WaitingWorker) -> None:
    found: list[tuple[str, int]] = []
    in_threads(*(lambda name=name: found.append((name, desk.ask("count", name=name))) for name in "aabab"))
    assert {number for _, number in found} == {1, 2}
    assert len(set(found)) == 2


def test_who_waits_while_it_is_closed_is_told_and_starts_no_other(desk: WaitingWorker, tmp_path: Path) -> None:
    desk.ask("divide", by=1)
    said: list[str] = []

    def hang(number: int) -> None:
        with pytest.raises(EngineError) as told:
            desk.ask("hang", mark=str(tmp_path / f"{number}"))
        said.append(str(told.value))

    def close() -> None:
        wait_until(lambda: list(tmp_path.iterdir()))
        desk.close()

    in_threads(lambda: hang(1), lambda: hang(2), close)
    assert said == ["The desk was closed."] * 2
    assert len(list(tmp_path.iterdir())) == 1
    assert desk.ask("divide", by=1) == 1.0
    desk.close()


def test_a_limit_that_is_reached_leaves_it_to_others(desk: WaitingWorker, tmp_path: Path) -> None:
    desk.begin("start_others")
    with pytest.raises(TimeoutError):
        desk.call("hang", {"mark": str(tmp_path / "hangs")}, timeout_s=0.01)


def test_closing_ends_what_it_started(desk: WaitingWorker) -> None:
    started = desk.call("start_others")
    pid = desk.pid
    assert pid is not None
    assert all(map(is_running, [pid, *started]))
    desk.close()
    wait_until(lambda: not any(map(is_running, [pid, *started])))


def test_it_ends_with_all_that_it_started_when_its_parent_is_killed() -> None:
    code = (
        "from harness.models.processes.worker import WaitingWorker\n"
        f"desk = WaitingWorker('{TARGETS}:Desk', {{}}, name='it')\n"
        "print(*desk.call('start_others'), desk.pid, flush=True)\n"
        "desk.call('hang', {'mark': '/dev/null'})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    own, *started = map(int, parent.stdout.readline().split())
    assert len(started) == 2
    assert all(map(is_running, started))
    parent.kill()
    parent.communicate()
    wait_until(lambda: not any(map(is_running, started)))
    os.kill(own, signal.SIGKILL)


def test_calls_are_answered_side_by_side_and_one_that_is_given_up_is_cancelled() -> None:
    async def run() -> tuple[Any, Any, str]:
        room = await started("Room")
        waits = asyncio.create_task(room.call("meet", {"name": "c", "other": "nobody"}))
        met = await asyncio.gather(*(room.call("meet", {"name": a, "other": b}) for a, b in ("ab", "ba")))
        waits.cancel()
        await asyncio.wait([waits])
        left = await room.call("left", {})
        await room.close(60.0)
        with pytest.raises(EngineError, match=r"it was closed."):
            await room.call("left", {})
        return met, left, room.last_lines

    met, left, last = asyncio.run(run())
    assert met == ["a met b", "b met a"]
    assert left == ["c"]
    assert last.split("\n  ") == ["", "closed without 1"]


def test_a_call_that_is_given_up_before_its_turn_is_not_made(tmp_path: Path) -> None:
    """As a second Ctrl-C does, cancelling its end ends it by force."""
    os.mkfifo(tmp_path / "held")

    async def run() -> tuple[int, int]:
        desk = await started("Desk")
        held = asyncio.create_task(desk.call("hang", {"mark": str(tmp_path / "began")}))
        await until((tmp_path / "began").exists)
        given_up = asyncio.create_task(desk.call("hang", {"mark": str(tmp_path / "never")}))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        closing = asyncio.create_task(desk.close(3600.0))
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing, held])
        assert isinstance(held.exception(), EngineError)
        return desk.pid, desk.printed_lines

    pid, printed = asyncio.run(run())
    assert not is_running(pid)
    assert printed == 1
    assert not (tmp_path / "never").exists()


def test_lines_are_counted_by_their_ends_however_they_come() -> None:
    """Half a megabyte without an end is a line, also while it has none."""
    program = (
        "import sys\n"
        "print('é' * 250_000 + '\\n\\nsecond\\r\\nlast', end='', file=sys.stderr, flush=True)\n"
        "sys.stdin.read()\n"
    )

    async def printed() -> tuple[int, int, str]:
        worker = await Worker.spawn([sys.executable, "-c", program], {"PYTHONIOENCODING": "utf-8"}, name="noisy")
        await until(lambda: worker.last_lines.endswith("last"))
        before = worker.printed_lines
        await worker.close()
        return before, worker.printed_lines, worker.last_lines

    before, after, last = asyncio.run(printed())
    assert before == after == 3
    assert last.split() == ["é" * 1_000, "second", "last"]


@pytest.mark.parametrize("own_session", [False, True])
def test_what_it_started_holds_up_neither_an_error_nor_the_end(own_session: bool) -> None:
    """A server that an application starts lives on, and has the pipes of the application."""
    program = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen(['sleep', '60'], start_new_session={own_session})\n"
        "print(child.pid, file=sys.stderr, flush=True)\n"
        "sys.stdin.buffer.read(1)\nsys.exit(3)"
    )

    async def run() -> tuple[str, int]:
        worker = await Worker.spawn([sys.executable, "-c", program], name="starter")
        async with asyncio.timeout(60):
            with pytest.raises(EngineError) as told:
                await worker.call("anything", {})
            await worker.close()
        return str(told.value), int(worker.last_lines)

    said, pid = asyncio.run(run())
    assert "its process ended with exit code 3" in said
    if own_session:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))


@pytest.mark.parametrize("written", [b"no\n", encode_frame({"result": 1})])
def test_one_whose_answers_can_not_be_read_is_ended(written: bytes) -> None:
    async def run() -> None:
        worker = await Worker.spawn([sys.executable, "-c", f"import os; os.write(1, {written!r}); input()"], name="it")
        async with asyncio.timeout(60):
            with pytest.raises(EngineError, match="something else wrote where its answers come"):
                await worker.call("anything", {})
        await worker.close()

    asyncio.run(run())


def order(folder: Path, text: str, progress: Any) -> Any:
    with WaitingWorker(TARGETS, name="The order", env={}, log=folder / "log") as worker:
        return worker.call("order", {"text": text}, progress)


def test_a_log_that_is_gone_by_its_end_holds_up_nothing(tmp_path: Path) -> None:
    assert order(tmp_path, "bread", lambda _: (tmp_path / "log").unlink()) == {"made": "bread"}


def test_how_far_it_is_comes_before_the_result_and_what_it_prints_goes_to_its_log(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    assert order(tmp_path, "bread", seen.append) == {"made": "bread"}
    assert [each["phase"] for each in seen] == ["begins"]
    assert not is_running(seen[0]["pid"])
    assert (tmp_path / "log").read_text("utf-8") == "asked for bread\n"


def test_the_end_of_its_log_is_told_where_it_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    message = f"The order: its process ended with exit code 3. The end of its log, {log}:\n  asked for exit"
    with pytest.raises(EngineError) as told:
        order(tmp_path, "exit", lambda _: None)
    assert str(told.value) == message


def test_what_progress_raises_ends_it(tmp_path: Path) -> None:
    pids = []

    def progress(state: dict[str, Any]) -> None:
        pids.append(state["pid"])
        raise OSError("nobody listens")

    with pytest.raises(OSError, match="nobody listens"):
        order(tmp_path, "bread", progress)
    assert not is_running(pids[0])


@pytest.mark.nightly
def test_interrupts_that_follow_each_other_leave_neither_process_nor_pipes(tmp_path: Path) -> None:
    """A process that holds much takes a while to end, in which the next interrupt comes; warnings are errors here."""
    pids = []

    def interrupt(_: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code is not order.__code__:
            frame = frame.f_back
        if frame is not None:  # what follows the order is not interrupted
            raise KeyboardInterrupt

    def progress(state: dict[str, Any]) -> None:
        if state["phase"].startswith("holds"):
            pids.append(state["pid"])
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.002)

    usual = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            order(tmp_path, "much", progress)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
    wait_until(lambda: not is_running(pids[0]))
    gc.collect()
