"""SIGTERM, and signals that come twice: each run ends in seconds, with what was decided and what is stored."""

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
from tests.plugin.failures.test_resume import wait_for_file
from tests.plugin.projects import Project

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

    def send(self, *signals: signal.Signals, apart_s: float = 0.1) -> None:
        """Send signals one after the other."""
        for number, each in enumerate(signals):
            time.sleep(apart_s if number else 0.0)
            self.process.send_signal(each)

    def ended(self, within_s: float) -> tuple[int, str]:
        """The exit code, and what was written; a process that goes on for longer is killed, and fails the test."""
        try:
            return self.process.wait(within_s), self.log.read_text()
        finally:
            self.process.kill()


@pytest.fixture
def held(project: Project, loopback: Any) -> tuple[Project, Any]:
    """An evaluation that is decided at once, and one whose requests hang for a minute."""
    server = loopback(default="yes", faults=(Fault("hang", asked="held"),))
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.settings |= {"concurrency": 8}
    project.module(DECIDED_THEN_HELD)
    return project, server


def wait_until_held(server: Any) -> None:
    """Wait until the server holds back as much as is sent at once: all that it answers has been asked by then."""
    until = time.monotonic() + 120
    while server.stats["faults"] < 8:
        assert time.monotonic() < until
        time.sleep(0.02)


def written(project: Project) -> dict[str, Path]:
    folder = project.path / "reports" / "latest"
    return {path.name: path for path in folder.iterdir()}


def test_sigterm_ends_a_run_as_ctrl_c_does_with_every_report_and_what_was_decided(
    held: tuple[Project, Any],
) -> None:
    project, server = held
    ran = Ran(project)
    wait_until_held(server)
    ran.send(signal.SIGTERM)
    code, text = ran.ended(45)
    assert code == 2
    assert {"report.json", "index.html", "report.md"} <= set(written(project))
    assert project.report()["exit_code"] == 2
    assert project.verdicts() == {"test_decided": "passed", "test_held": "error"}
    assert "interrupted after 0 of 40 samples" in project.evaluation("test_held")["reason"]
    assert "SIGTERM" in text
    assert "Traceback" not in text
    assert (project.path / "junit.xml").exists()
    assert project.stored() >= 6


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("apart_s", [0.01, 0.1])
def test_signals_that_come_at_once_are_one(held: tuple[Project, Any], n: int, apart_s: float) -> None:
    project, server = held
    ran = Ran(project)
    wait_until_held(server)
    ran.send(*[signal.SIGINT] * n, apart_s=apart_s)
    code, text = ran.ended(45)
    assert "Traceback" not in text
    assert code == 2
    assert {"report.json", "index.html", "report.md"} <= set(written(project))
    assert "interrupted after 0 of 40 samples" in " ".join(text.split())


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
            time.sleep(60)
    """,
    )
    project.body("pathlib.Path('began').touch(); time.sleep(0.2); return model.ask(case.prompt) == 'yes'", cases=40)
    module = project.path / "test_it.py"
    module.write_text("import pathlib, time\n" + module.read_text())
    ran = Ran(project)
    wait_for_file(project, "began")
    ran.send(signal.SIGINT)
    wait_for_file(project, "ending")
    time.sleep(1.2)
    ran.send(signal.SIGINT)
    code, text = ran.ended(45)
    assert code == 2
    assert "Traceback" not in text
    assert "interrupted again while the session ended" in text
    assert project.report()["exit_code"] == 2


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_body_that_sleeps_in_its_own_code_hears_one_sigterm(project: Project, kind: str) -> None:
    project.module(f"""
        import pathlib, time

        @pytest.mark.evaluation(cases=[{{"id": "a"}}, {{"id": "b"}}], samples=1)
        {kind} test_it(model, case):
            if case.id == "b":
                pathlib.Path("sleeps").touch()
                time.sleep(60)
    """)
    ran = Ran(project)
    wait_for_file(project, "sleeps")
    ran.send(signal.SIGTERM)
    code, text = ran.ended(45)
    assert code == 2
    assert "interrupted after 1 of 2 samples" in project.evaluation()["reason"]
    assert "Traceback" not in text


def test_sigterm_before_the_first_sample_and_in_a_plain_test_are_heard(project: Project) -> None:
    project.module("""
        import pathlib, time

        def test_plain():
            pathlib.Path("began").touch()
            time.sleep(60)

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        def test_it(model, case): assert model.ask(case.id)
    """)
    ran = Ran(project)
    wait_for_file(project, "began")
    ran.send(signal.SIGTERM)
    code, text = ran.ended(45)
    assert code == 2
    assert "Traceback" not in text
    assert project.report()["exit_code"] == 2


def test_what_passed_before_a_signal_makes_no_green_run(project: Project) -> None:
    project.module("""
        import pathlib, time

        @pytest.fixture
        def slow():
            pathlib.Path("begins").touch()
            time.sleep(60)

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        def test_passes(model, case, capsys): assert model.ask(case.id)

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        def test_unreached(model, case, capsys, slow): assert model.ask(case.id)
    """)
    ran = Ran(project)
    wait_for_file(project, "begins")
    ran.send(signal.SIGTERM)
    code, text = ran.ended(45)
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
    wait_for_file(project, "answers", 200.0)
    (child,) = children_of(ran.process.pid)
    began = time.monotonic()
    ran.send(signal.SIGTERM)
    code, text = ran.ended(60)
    assert time.monotonic() - began < 30
    assert code == 2
    assert "Traceback" not in text
    assert not Path(f"/proc/{child}").exists()


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that go on."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
