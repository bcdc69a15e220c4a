"""Gates whose bodies hold the thread: a signal and the deadline end them in seconds, with what was decided by then."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.plugin.failures.test_resume import wait_for_file
from tests.plugin.loop.test_interrupts import Ran, children_of
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

EVALUATIONS = """
    import asyncio, pathlib, time

    CASES = [{{"id": f"c{{i}}", "prompt": f"q{{i}}"}} for i in range({cases})]

    @pytest.mark.evaluation(cases=CASES[:6], samples=1)
    {kind} test_a_decided(model, case, capsys):
        assert {wait} model.ask(case.prompt) == "yes"

    @pytest.mark.parametrize("n", range(20))
    @pytest.mark.evaluation(cases=CASES, samples=1{marker})
    {kind} test_it(model, case, n):
        answer = {wait} model.ask(f"{{case.prompt}} {{n}}")
        pathlib.Path("sleeps").touch()
        {body}
        return answer == "yes"
"""
ENDS_S = 25.0
"""From a signal, or from the deadline, to the exit: 2 to 3 where nothing else runs, a minute where bodies go on."""

DEADLINE_S = 6
"""Enough for the evaluation that is decided before."""


def gate(project: Project, kind: str, body: str, cases: int = 1, marker: str = "") -> Project:
    """Twenty evaluations, each of whose bodies holds the thread, and one that is decided before."""
    wait = "await" if kind.startswith("async") else ""
    project.module(EVALUATIONS.format(kind=kind, body=body, wait=wait, cases=max(6, cases), marker=marker))
    return project


BODIES = {
    "3 s": "time.sleep(3)",
    "200 s": "time.sleep(200)",
    "and asks again": "time.sleep(3); {wait} model.ask('again'); time.sleep(3)",
    "keeps what is raised": (
        "\n        try: time.sleep(200)\n        except BaseException: time.sleep(200)\n        finally: time.sleep(3)"
    ),
}


PAIRWISE = [
    (body, kind, (signal.SIGTERM, signal.SIGINT)[(number + is_async) % 2])
    for number, body in enumerate(BODIES)
    for is_async, kind in enumerate(["def", "async def"])
]
"""Each two of body, kind and signal together; not each three."""


@pytest.mark.nightly
@pytest.mark.parametrize(("body", "kind", "sent"), PAIRWISE)
def test_a_signal_ends_bodies_that_hold_the_thread(
    project: Project, body: str, kind: str, sent: signal.Signals
) -> None:
    gate(project, kind, BODIES[body].format(wait="await" if kind.startswith("async") else ""))
    with Ran(project) as ran:
        wait_for_file(project, "sleeps")
        began = time.monotonic()
        ran.send(sent)
        code, text = ran.ended(30)
    assert time.monotonic() - began < ENDS_S
    assert code == 2
    assert "Traceback" not in text
    assert "interrupts.py" not in text
    assert (
        text.count(f"KeyboardInterrupt: {sent.name}") == text.count("steelyard: every answer that arrived is kept") == 1
    )
    assert project.report()["exit_code"] == 2
    verdicts = project.verdicts()
    assert verdicts.pop("test_a_decided") == "passed"
    assert set(verdicts.values()) == {"error"}
    assert len(verdicts) + project.report()["n_unreached"] == 20
    undecided = [each for each in project.report()["evaluations"] if each["verdict"] == "error"]
    assert all("interrupted after 0 of 6 samples" in each["reason"] for each in undecided)


def assert_sigterm_ends_it(project: Project, after_s: float) -> None:
    """A SIGTERM while bodies hold the thread ends the run soon; what they return counts for nothing."""
    with Ran(project) as ran:
        wait_for_file(project, "sleeps")
        time.sleep(after_s)
        began = time.monotonic()
        ran.send(signal.SIGTERM)
        code, text = ran.ended(30)
    assert time.monotonic() - began < ENDS_S
    assert code == 2
    assert "Traceback" not in text
    assert "passed" not in list(project.verdicts().values())[1:]


@pytest.mark.nightly
def test_a_signal_ends_bodies_that_wait_in_code_of_their_own_and_then_hold_the_thread(project: Project) -> None:
    gate(project, "async def", "await asyncio.sleep(0.3); time.sleep(3); await asyncio.sleep(0); time.sleep(3)")
    assert_sigterm_ends_it(project, after_s=1)


@pytest.mark.nightly
def test_a_task_of_a_body_that_holds_the_thread_is_ended(project: Project) -> None:
    gate(
        project,
        "async def",
        "await asyncio.gather(*(asyncio.create_task(hold()) for _ in range(3)))",
    )
    path = project.path / "test_it.py"
    path.write_text(path.read_text() + "\nasync def hold():\n    time.sleep(100)\n")
    assert_sigterm_ends_it(project, after_s=0.5)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("kind", "body", "marker"),
    [
        ("def", "3 s", ""),
        ("def", "3 s", ", threshold=0.5, design='fixed'"),
        ("async def", "200 s", ", threshold=0.5"),
        ("async def", "and asks again", ""),
        ("def", "keeps what is raised", ", threshold=0.5, design='fixed'"),
    ],
)
def test_the_deadline_ends_bodies_that_hold_the_thread(project: Project, kind: str, body: str, marker: str) -> None:
    gate(project, kind, BODIES[body].format(wait="await" if kind.startswith("async") else ""), marker=marker)
    began = time.monotonic()
    with Ran(project, "--deadline", f"{DEADLINE_S}s") as ran:
        code, text = ran.ended(60)
    assert time.monotonic() - began < DEADLINE_S + ENDS_S
    assert code == 8
    assert "Traceback" not in text
    assert f"stopped at --deadline {DEADLINE_S}s" in " ".join(text.split())
    verdicts = project.verdicts()
    assert verdicts.pop("test_a_decided") == "passed"
    assert set(verdicts.values()) == {"inconclusive"}
    assert len(verdicts) == 20
    assert project.report()["budget"]["stopped_by"] == "deadline"


def test_the_deadline_ends_a_body_that_waits_for_a_thread_of_its_own(project: Project) -> None:
    gate(project, "async def", "await asyncio.to_thread(time.sleep, 200)")
    began = time.monotonic()
    with Ran(project, "--deadline", f"{DEADLINE_S}s") as ran:
        code, _ = ran.ended(60)
    assert time.monotonic() - began < DEADLINE_S + ENDS_S
    assert code == 8


@pytest.mark.nightly
@pytest.mark.parametrize("body", ["3 s", "200 s"])
def test_with_xdist_sigterm_ends_controller_and_workers_with_the_report(project: Project, body: str) -> None:
    pytest.importorskip("xdist")
    gate(project, "def", BODIES[body])
    with Ran(project, "-n", "2") as ran:
        wait_for_file(project, "sleeps")
        workers = children_of(ran.process.pid)
        assert len(workers) == 2
        began = time.monotonic()
        ran.send(signal.SIGTERM)
        code, text = ran.ended(60)
    assert time.monotonic() - began < 2 * ENDS_S
    assert code == 2
    assert "Traceback" not in text
    assert "interrupts.py" not in text
    assert "steelyard: every answer that arrived is kept" in text
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    verdicts = project.verdicts()
    assert verdicts.pop("test_a_decided") == "passed"
    assert set(verdicts.values()) == {"error"}
    assert project.report()["exit_code"] == 2


def test_with_xdist_ctrl_c_in_a_terminal_gives_the_report_too(project: Project) -> None:
    """A terminal sends the signal to every process of its group."""
    pytest.importorskip("xdist")
    gate(project, "def", BODIES["3 s"])
    with Ran(project, "-n", "2", group=True) as ran:
        wait_for_file(project, "sleeps")
        began = time.monotonic()
        os.killpg(ran.process.pid, signal.SIGINT)
        code, text = ran.ended(60)
    assert time.monotonic() - began < 2 * ENDS_S
    assert code == 2
    assert "Traceback" not in text
    assert set(project.verdicts().values()) == {"error", "passed"}
