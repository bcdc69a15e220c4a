"""Killed or interrupted at any moment, a run loses no completed sample, and the next asks only for the rest."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from harness.errors import StoreError
from harness.store import Store
from tests import warm
from tests.loopback import Fault, Loopback
from tests.plugin.projects import Project
from tests.waiting import wait_until

pytestmark = pytest.mark.service
N_CASES, N_SAMPLES = 40, 3
N_DRAWS = N_CASES * N_SAMPLES
N_ANSWERED = 14
N_KEPT = N_ANSWERED * N_SAMPLES


def sampled(project: Project, server: Loopback, **marker: Any) -> None:
    """Settings and an evaluation with 120 samples of a server, four requests at a time."""
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 4}
    begin = "pathlib.Path(f'{os.getpid()}.began').touch()"
    project.body(f"import os, pathlib; {begin}; return model.ask(case.prompt) == 'yes'", cases=N_CASES, **marker)
    project.configure()


def began(project: Project) -> set[int]:
    """The processes that have begun to run bodies."""
    return {int(path.stem) for path in project.path.glob("*.began")}


def start(project: Project, log: str = "out.txt") -> warm.Process:
    """pytest in a process of its own, which can be killed."""
    with (project.path / log).open("wb") as out:
        return warm.start("-m", "pytest", cwd=project.path, stdout=out, stderr=out)


def stored(project: Project) -> int:
    """How many samples are stored, also while the store is still being made."""
    with suppress(StoreError):
        return project.stored()
    return 0


@pytest.fixture
def stuck(project: Project, loopback: Any) -> Iterator[tuple[Project, Loopback, warm.Process]]:
    """A run whose server answered 14 requests, which are stored, and holds back four; it has recovered since."""
    answers = {f"q{i}": {"yes": 0.7, "no": 0.3} for i in range(N_CASES)}
    server = loopback(answers=answers, faults=(Fault("hang", after=N_ANSWERED),))
    sampled(project, server)
    process = start(project)
    wait_until(lambda: server.stats["faults"] == 4 and stored(project) == N_KEPT)
    server.recover()
    yield project, server, process
    process.kill()
    process.wait()


def test_killed_run_loses_no_completed_sample_and_the_next_asks_for_the_rest(stuck) -> None:
    project, server, process = stuck
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert project.stored() == server.stats["choices"] == N_KEPT
    assert project.run().ret == 0
    assert server.stats["choices"] == N_DRAWS
    usage = project.report()["usage"]
    assert (usage["stored_samples"], usage["model_calls"]) == (N_KEPT, N_DRAWS - N_KEPT)


def test_interrupted_run_reports_how_far_it_came_and_the_next_asks_for_the_rest(stuck) -> None:
    project, server, process = stuck
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 2
    report = project.report()
    assert report["exit_code"] == 2
    (entry,) = report["evaluations"]
    assert entry["verdict"] == "error"
    assert "of 120 samples; run again to go on from there" in entry["reason"]
    text = (project.path / "out.txt").read_text()
    assert "every answer that arrived is kept, run again to go on from there" in text
    assert "interrupted after" in text
    assert project.stored() == N_KEPT
    assert project.run().ret == 0
    assert server.stats["choices"] == N_DRAWS


def test_interrupted_run_says_what_held_it_up(project: Project, loopback: Any) -> None:
    """Of three requests one is sent again by the time that there are four: the first answers have been read."""
    server = loopback(faults=(Fault("429", rate=1, retry_after="0.6"),))
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.body("assert model.ask(case.prompt)")
    project.configure()
    process = start(project)
    wait_until(lambda: server.stats["requests"] > 3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 2
    held_up = "(held up by: HTTP 429 Too Many Requests, asked to wait 1 s, repeating"
    assert held_up in project.evaluation()["reason"]
    assert "held up by: HTTP 429" in " ".join((project.path / "out.txt").read_text().split())


@pytest.mark.parametrize("marker", [{}, {"threshold": 0.5, "margin": 0.2}], ids=["all drawn", "stopped when decided"])
def test_two_gates_at_once_draw_no_more_than_one(project: Project, loopback: Any, marker: dict[str, float]) -> None:
    server = loopback(latency_s=0.25, answers={f"q{i}": {"yes": 0.7, "no": 0.3} for i in range(N_CASES)})
    sampled(project, server, **marker)
    processes = [start(project, f"{name}.txt") for name in "ab"]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    with Store.open(str(project.store), readonly=True) as store:
        first, second = (store.report(run.run_id) for run in store.runs())
    assert first is not None
    assert second is not None
    assert first["evaluations"] == second["evaluations"]
    drawn = [report["usage"]["model_calls"] for report in (first, second)]
    assert sum(drawn) == server.stats["choices"] == project.stored() <= N_DRAWS


def test_gate_that_waits_for_another_goes_on_where_that_is_killed(stuck) -> None:
    project, server, process = stuck
    other = start(project, "b.txt")
    try:
        wait_until(lambda: other.pid in began(project))
        assert server.stats["choices"] == N_KEPT, "what the first has not drawn yet is waited for"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert other.wait(timeout=120) == 0
    finally:
        other.kill()
    assert server.stats["choices"] == project.stored() == N_DRAWS
    usage = project.report()["usage"]
    assert (usage["stored_samples"], usage["model_calls"]) == (N_KEPT, N_DRAWS - N_KEPT)


STUBBORN = """
    import asyncio, pathlib
    from harness.gate.runs import run

    run._CLOSING_S = 3600

    @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}], samples=1)
    async def test_it(model, case):
        assert await model.ask(case.id)
        while case.id == "b":
            pathlib.Path("waits").touch()
            try:
                await asyncio.Event().wait()
            except BaseException:
                pathlib.Path("caught").touch()
"""


def test_body_that_catches_its_cancellation_is_left_behind(project: Project) -> None:
    """At the first Ctrl-C: nothing waits for it, however long the end of a run may take."""
    project.module(STUBBORN)
    project.configure()
    process = start(project)
    try:
        wait_until((project.path / "waits").exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 2
    finally:
        process.kill()
    assert (project.path / "caught").exists()
    (entry,) = project.report()["evaluations"]
    assert "interrupted after 1 of 2 samples" in entry["reason"]
    assert "interrupted after" in (project.path / "out.txt").read_text()


@pytest.mark.nightly
def test_locked_store_keeps_nobody_from_ending_a_run(stuck) -> None:
    """Each press of Ctrl-C ends one wait; the report is written first."""
    project, _, process = stuck
    with closing(sqlite3.connect(project.store, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(180):
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)
                break
        assert process.returncode is not None
    assert project.report()["exit_code"] == 2


def test_stopped_endpoint_keeps_what_was_completed(project: Project, loopback: Any) -> None:
    server = loopback(port=0)
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.body("assert model.ask(case.prompt)", cases=5, samples=2)
    assert project.run("--case", "c[01]").ret == 0
    server.stop()
    assert project.run("--case", "c[01]").ret == 0
    assert project.report()["usage"]["stored_samples"] == 4
