"""SIGTERM, and signals that come twice: each run ends, with what was decided and what is stored."""

from __future__ import annotations

import signal
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.loopback import Fault
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.processes import children
from tests.waiting import wait_until

pytestmark = pytest.mark.service

DECIDED_THEN_HELD = """
    CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

    @pytest.mark.evaluation(cases=CASES, samples=1, threshold=0.5)
    async def test_decided(model, case, capsys):
        return await model.ask(case.prompt) == "yes"

    @pytest.mark.evaluation(cases=CASES, samples=1, threshold=0.5)
    async def test_held(model, case):
        return await model.ask("held " + case.prompt) == "yes"
"""


class Ran:
    """pytest in a process of its own, to which signals are sent."""

    def __init__(self, project: Project, *arguments: str, group: bool = False) -> None:
        project.configure()
        self.log = project.path / "out.txt"
        with self.log.open("wb") as out:
            command = ("-m", "pytest", "--junitxml", "junit.xml", *arguments)
            self.process = warm.start(*command, cwd=project.path, stdout=out, stderr=out, start_new_session=group)

    def __enter__(self) -> Ran:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def ended(self) -> tuple[int, str]:
        """The exit code, and what was written; a process that goes on is killed, and fails the test."""
        try:
            return self.process.wait(120), self.log.read_text()
        finally:
            self.process.kill()


def test_sigterm_ends_a_run_as_ctrl_c_does_with_every_report_and_what_was_decided(
    project: Project, loopback: Any
) -> None:
    """Sent three times at once, as a shell and a CI do, it is one."""
    server = loopback(default="yes", faults=(Fault("hang", asked="held"),))
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.settings |= {"concurrency": 8}
    project.module(DECIDED_THEN_HELD)
    ran = Ran(project)
    wait_until(lambda: server.stats["faults"] == 8)  # all that it answers has been asked by then
    for _ in range(3):
        ran.process.send_signal(signal.SIGTERM)
    code, text = ran.ended()
    assert code == 2
    assert {"report.json", "index.html", "report.md"} <= {
        path.name for path in (project.path / "reports" / "latest").iterdir()
    }
    assert project.report()["exit_code"] == 2
    assert project.verdicts() == {"test_decided": "passed", "test_held": "error"}
    assert "interrupted after 0 of 40 samples" in project.evaluation("test_held")["reason"]
    assert "SIGTERM" in text
    assert "Traceback" not in text
    assert (project.path / "junit.xml").exists()
    assert project.stored() >= 6


@pytest.mark.nightly
def test_a_signal_while_the_session_ends_is_a_line_and_no_traceback(project: Project) -> None:
    """A fixture that takes long to end is what a second Ctrl-C gives up."""
    project.write(
        "conftest.py",
        """
        import pathlib, time, pytest

        @pytest.fixture(scope="session", autouse=True)
        def slow_to_end():
            yield
            pathlib.Path("ending").touch()
            time.sleep(3600)
    """,
    )
    project.body("pathlib.Path('began').touch(); time.sleep(3600); assert model.ask(case.prompt)")
    module = project.path / "test_it.py"
    module.write_text("import pathlib, time\n" + module.read_text())
    ran = Ran(project)
    wait_until((project.path / "began").exists)
    ran.process.send_signal(signal.SIGINT)
    wait_until((project.path / "ending").exists)
    time.sleep(1.2)  # what comes within a second is the same press
    ran.process.send_signal(signal.SIGINT)
    code, text = ran.ended()
    assert code == 2
    assert "Traceback" not in text
    assert "interrupted again while the session ended" in text
    assert project.report()["exit_code"] == 2


def test_sigterm_before_the_first_sample_and_in_a_plain_test_are_heard(project: Project) -> None:
    project.module("""
        import pathlib, time

        def test_plain():
            pathlib.Path("began").touch()
            time.sleep(3600)

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        def test_it(model, case): assert model.ask(case.id)
    """)
    ran = Ran(project)
    wait_until((project.path / "began").exists)
    ran.process.send_signal(signal.SIGTERM)
    code, text = ran.ended()
    assert code == 2
    assert "Traceback" not in text
    assert project.report()["exit_code"] == 2


def test_what_passed_before_a_signal_makes_no_green_run(project: Project) -> None:
    project.module("""
        import pathlib, time

        @pytest.fixture
        def slow():
            pathlib.Path("begins").touch()
            time.sleep(3600)

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        def test_passes(model, case, capsys): assert model.ask(case.id)

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        def test_unreached(model, case, capsys, slow): assert model.ask(case.id)
    """)
    ran = Ran(project)
    wait_until((project.path / "begins").exists)
    ran.process.send_signal(signal.SIGTERM)
    code, text = ran.ended()
    assert code == 2
    assert "INTERRUPTED: 1 passed" in text
    assert project.report()["n_unreached"] == 1


def test_a_session_without_evaluations_leaves_the_signals_alone(project: Project) -> None:
    project.module("""
        import signal

        def test_plain():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    """)
    assert project.run().ret == 0


def test_the_signals_are_given_back_at_the_end(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'")
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert project.run().ret == 0
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.nightly
@pytest.mark.skipif(find_spec("vllm") is None, reason="needs vllm")
def test_sigterm_ends_the_engines_process_too(project: Project) -> None:
    write_tiny_llama(project.path / "tiny")
    sampling = {"temperature": 0.7, "max_tokens": 400}
    project.versions["only"] = {"engine": "vllm", "weights": "tiny", "sampling": sampling}
    body = (
        "import pathlib; model.ask('Hi', max_tokens=1); pathlib.Path('answers').touch(); assert model.ask(case.prompt)"
    )
    project.body(body, cases=200)
    ran = Ran(project)
    wait_until((project.path / "answers").exists)
    (child,) = children(ran.process.pid)
    ran.process.send_signal(signal.SIGTERM)
    code, text = ran.ended()
    assert code == 2
    assert "Traceback" not in text
    assert not Path(f"/proc/{child}").exists()
