"""Killed or interrupted at any moment, a run loses no completed sample, and the next asks only for the rest."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from harness.store import Store
from tests import warm
from tests.loopback import Fault
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

N_CASES, N_SAMPLES = 40, 3


@pytest.fixture
def slow(project: Project, loopback):
    """A project with 120 samples of a server that takes its time, and that server."""
    server = loopback(latency_s=0.1, answers={f"q{i}": {"yes": 0.7, "no": 0.3} for i in range(N_CASES)})
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 4}
    project.body("return model.ask(case.prompt) == 'yes'", cases=N_CASES)
    project.configure()
    return project, server


def start(project: Project, log: str = "out.txt") -> warm.Process:
    """pytest in a process of its own, which can be killed."""
    with (project.path / log).open("wb") as out:
        return warm.start("-m", "pytest", cwd=project.path, stdout=out, stderr=out)


def wait_for(server, requests: int) -> None:
    """Wait until the server has received so many requests."""
    until = time.monotonic() + 60
    while server.stats["requests"] < requests:
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_until_answered(server) -> None:
    """Wait until the server has answered, and counted, also what nobody waits for any more."""
    time.sleep(0.3)
    until = time.monotonic() + 60
    while server.stats["in_flight"]:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_killed_run_loses_no_completed_sample_and_the_next_asks_for_the_rest(slow) -> None:
    project, server = slow
    process = start(project)
    wait_for(server, 14)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until_answered(server)
    kept = project.stored()
    assert 0 < kept < N_CASES * N_SAMPLES
    assert kept % N_SAMPLES == 0
    asked = server.stats["choices"]
    assert kept >= asked - (4 + 4) * N_SAMPLES  # those in flight at the kill, and those whose commit was under way
    assert project.run().ret == 0
    assert server.stats["choices"] - asked == N_CASES * N_SAMPLES - kept
    usage = project.report()["usage"]
    assert (usage["stored_samples"], usage["model_calls"]) == (kept, N_CASES * N_SAMPLES - kept)


def test_interrupted_run_reports_how_far_it_came_and_the_next_asks_for_the_rest(slow) -> None:
    project, server = slow
    process = start(project)
    wait_for(server, 14)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 2
    report = project.report()
    assert report["exit_code"] == 2
    (entry,) = report["evaluations"]
    assert entry["verdict"] == "error"
    assert "of 120 samples; run again to go on from there" in entry["reason"]
    text = (project.path / "out.txt").read_text()
    assert "KeyboardInterrupt" in text
    assert "interrupted after" in text
    wait_until_answered(server)
    kept, asked = project.stored(), server.stats["choices"]
    assert 0 < kept < N_CASES * N_SAMPLES
    assert project.run().ret == 0
    assert server.stats["choices"] - asked == N_CASES * N_SAMPLES - kept


def test_interrupted_run_says_what_held_it_up(project: Project, loopback) -> None:
    server = loopback(faults=(Fault("429", rate=1, retry_after="60"),))
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.body("assert model.ask(case.prompt)")
    project.configure()
    process = start(project)
    wait_for(server, 1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 2
    held_up = "(held up by: HTTP 429 Too Many Requests, asked to wait 60 s, repeating"
    assert held_up in project.evaluation()["reason"]
    assert "held up by: HTTP 429" in " ".join((project.path / "out.txt").read_text().split())


@pytest.mark.nightly
@pytest.mark.parametrize("marker", [{}, {"threshold": 0.5, "margin": 0.2}], ids=["all drawn", "stopped when decided"])
def test_two_processes_that_draw_the_same_samples_at_once_agree(
    project: Project, loopback, marker: dict[str, float]
) -> None:
    """Whoever stores a sample second takes the stored one: nothing is lost, and nothing counts twice."""
    answers = {f"q{i}": {"yes": 0.7, "no": 0.3} for i in range(N_CASES)}
    server = loopback(twins=2, answers=answers)
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 4}
    project.body("return model.ask(case.prompt) == 'yes'", cases=N_CASES, **marker)
    project.configure()
    processes = [start(project, f"{name}.txt") for name in "ab"]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    with Store.open(str(project.store), readonly=True) as store:
        first, second = (store.report(run.run_id) for run in store.runs())
    assert first is not None
    assert second is not None
    assert first["evaluations"] == second["evaluations"]
    drawn = [report["usage"]["model_calls"] for report in (first, second)]
    assert sum(drawn) == server.stats["choices"]
    assert max(drawn) <= project.stored() <= sum(drawn)


STUBBORN = """
    import asyncio, pathlib
    from harness.gate.runs import run

    run._CLOSING_S = {closing_s}

    @pytest.mark.evaluation(cases=[{{"id": "a"}}, {{"id": "b"}}], samples=1)
    async def test_it(model, case):
        assert await model.ask(case.id)
        while case.id == "b":
            pathlib.Path("waits").touch()
            try:
                await asyncio.sleep(3600)
            except BaseException:
                pathlib.Path("caught").touch()
"""


def wait_for_file(project: Project, name: str, seconds: float = 60.0) -> None:
    """Wait until the project has a file."""
    until = time.monotonic() + seconds
    while not (project.path / name).exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_body_that_catches_its_cancellation_is_left_behind(project: Project) -> None:
    """At the first Ctrl-C: nothing waits for it, however long the end of a run may take."""
    project.module(STUBBORN.format(closing_s=3600))
    project.configure()
    process = start(project)
    try:
        wait_for_file(project, "waits")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 2
    finally:
        process.kill()
    assert (project.path / "caught").exists()
    (entry,) = project.report()["evaluations"]
    assert "interrupted after 1 of 2 samples" in entry["reason"]
    assert "interrupted after" in (project.path / "out.txt").read_text()


@pytest.mark.nightly
def test_locked_store_keeps_nobody_from_ending_a_run(slow) -> None:
    """Each press of Ctrl-C ends one wait; the report is written first."""
    project, server = slow
    process = start(project)
    wait_for(server, 8)
    with closing(sqlite3.connect(project.store, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            until = time.monotonic() + 90
            while process.poll() is None and time.monotonic() < until:
                process.send_signal(signal.SIGINT)
                time.sleep(0.5)
            assert process.returncode is not None
        finally:
            process.kill()
    assert project.report()["exit_code"] == 2


def test_stopped_endpoint_keeps_what_was_completed(project: Project, loopback) -> None:
    server = loopback(port=0)
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.body("assert model.ask(case.prompt)", cases=5, samples=2)
    assert project.run("--case", "c[01]").ret == 0
    server.stop()
    assert project.run("--case", "c[01]").ret == 0
    assert project.report()["usage"]["stored_samples"] == 4
