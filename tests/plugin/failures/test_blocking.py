"""Gates whose bodies hold the thread: a signal and the deadline end them, with what was decided by then."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.plugin.loop.test_interrupts import Ran
from tests.plugin.projects import Project
from tests.processes import children
from tests.waiting import wait_until

pytestmark = pytest.mark.service

EVALUATIONS = """
    import asyncio, pathlib, time

    CASES = [{{"id": f"c{{i}}", "prompt": f"q{{i}}"}} for i in range(6)]

    def hold():
        pathlib.Path("holds").touch()
        time.sleep(3600)

    async def task():
        hold()

    @pytest.mark.evaluation(cases=CASES, samples=1)
    {kind} test_a_decided(model, case, capsys):
        assert {wait} model.ask(case.prompt) == "yes"

    @pytest.mark.parametrize("n", range(20))
    @pytest.mark.evaluation(cases=CASES, samples=1)
    {kind} test_it(model, case, n):
        answer = {wait} model.ask(f"{{case.prompt}} {{n}}")
        {body}
        return answer == "yes"
"""
BODIES = {
    "holds": ("def", "hold()"),
    "waits in code of its own first": ("async def", "await asyncio.sleep(0); hold()"),
    "in a task of its own": ("async def", "await asyncio.gather(*(asyncio.create_task(task()) for _ in range(3)))"),
    "keeps what is raised": (
        "async def",
        "\n        try: hold()\n        except BaseException: hold()\n        finally: hold()",
    ),
}
KEPT = "every answer that arrived is kept"


def gate(project: Project, name: str) -> Project:
    """Twenty evaluations, each of whose bodies holds the thread, and one that is decided before."""
    kind, body = BODIES[name]
    project.module(EVALUATIONS.format(kind=kind, body=body, wait="await" if kind == "async def" else ""))
    return project


def assert_ended(project: Project, code: int, text: str) -> None:
    """It ended as interrupted, what was decided stayed so, and what bodies did counts for nothing."""
    assert code == project.report()["exit_code"] == 2
    assert "Traceback" not in text
    assert "interrupts.py" not in text
    verdicts = project.verdicts()
    assert verdicts.pop("test_a_decided") == "passed"
    assert set(verdicts.values()) == {"error"}


@pytest.mark.nightly
@pytest.mark.parametrize("body", BODIES)
def test_a_signal_ends_bodies_that_hold_the_thread(project: Project, body: str) -> None:
    sent = signal.SIGINT if body == "holds" else signal.SIGTERM
    with Ran(gate(project, body)) as ran:
        wait_until((project.path / "holds").exists)
        ran.process.send_signal(sent)
        code, text = ran.ended()
    assert_ended(project, code, text)
    is_of_task = body == "in a task of its own"  # whose place is shown
    assert f"{'KeyboardInterrupt' if is_of_task else 'Interrupted'}: {sent.name}" in text
    assert text.count(KEPT) == (not is_of_task)
    assert len(project.verdicts()) + project.report()["n_unreached"] == 21
    undecided = [each for each in project.report()["evaluations"] if each["verdict"] == "error"]
    assert all("interrupted after 0 of 6 samples" in each["reason"] for each in undecided)


@pytest.mark.nightly
def test_the_deadline_ends_bodies_that_hold_the_thread(project: Project) -> None:
    with Ran(gate(project, "keeps what is raised"), "--deadline", "8s") as ran:
        code, text = ran.ended()
    assert code == 8
    assert "Traceback" not in text
    assert "stopped at --deadline 8s" in " ".join(text.split())
    verdicts = project.verdicts()
    assert verdicts.pop("test_a_decided") == "passed"
    assert set(verdicts.values()) == {"inconclusive"}
    assert len(verdicts) == 20
    assert project.report()["budget"]["stopped_by"] == "deadline"


@pytest.mark.nightly
def test_with_xdist_sigterm_ends_controller_and_workers_with_the_report(project: Project) -> None:
    pytest.importorskip("xdist")
    with Ran(gate(project, "holds"), "-n", "2") as ran:
        wait_until((project.path / "holds").exists)
        workers = children(ran.process.pid)
        assert len(workers) == 2
        ran.process.send_signal(signal.SIGTERM)
        code, text = ran.ended()
    assert_ended(project, code, text)
    assert KEPT in text
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_with_xdist_ctrl_c_in_a_terminal_gives_the_report_too(project: Project) -> None:
    """A terminal sends the signal to every process of its group."""
    pytest.importorskip("xdist")
    with Ran(gate(project, "holds"), "-n", "2", group=True) as ran:
        wait_until((project.path / "holds").exists)
        os.killpg(ran.process.pid, signal.SIGINT)
        code, text = ran.ended()
    assert_ended(project, code, text)
