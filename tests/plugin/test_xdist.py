"""With pytest-xdist: one report, one engine, one exit code."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project
from tests.plugin.workers import MIXED

pytestmark = pytest.mark.service


def strict(project: Project, dist: str = "load") -> tuple[str, ...]:
    """Arguments for two workers."""
    pytest.importorskip("xdist")
    return ("-n", "2", "--dist", dist)


@pytest.mark.parametrize(
    "dist",
    [
        "load",
        *(
            pytest.param(name, marks=pytest.mark.nightly)
            for name in ("loadscope", "loadfile", "worksteal", "loadgroup")
        ),
    ],
)
def test_two_workers_give_one_report_from_one_engine(project: Project, dist: str) -> None:
    project.write(
        "conftest.py",
        """
        import os, pathlib
        from harness.models.scripted.engine import ScriptedEngine

        start = ScriptedEngine.start

        async def traced(self):
            with pathlib.Path("started").open("a") as log:
                log.write(os.environ.get("PYTEST_XDIST_WORKER", "none") + "\\n")
            await start(self)

        ScriptedEngine.start = traced
        """,
    )
    project.module(MIXED)
    result = project.run_apart(*strict(project, dist))
    assert result.ret == 1
    counts = result.parseoutcomes()
    assert (counts["passed"], counts["failed"]) == (10, 1)
    report = project.report()
    assert report["exit_code"] == 1
    assert sorted(project.verdicts().values()) == ["failed", *["passed"] * 4]
    assert 0 < report["usage"]["model_calls"] <= 300
    assert len((project.path / "started").read_text().splitlines()) == 1
    result.stdout.fnmatch_lines(["RED: 1 failed, 4 passed", "*x failed*test_red*"])


def test_workers_report_the_exit_code_of_the_whole_session(project: Project) -> None:
    project.module(MIXED.replace('== "no"', '== "yes"') + "\n    def test_wrong():\n        assert 1 == 2\n")
    assert project.run_apart(*strict(project)).ret == 1
    assert project.report()["exit_code"] == 1
    assert project.report()["verdict"] == "passed"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--samples=0", "--samples: samples = 0 is below 1"),
        ("--candidate=onyl", "Did you mean 'only'?"),
        ("--store=pytest.ini", "not a database"),
        ("--report-dir=pytest.ini", "pytest.ini is a file"),
    ],
)
def test_usage_error_ends_workers_before_any_test_runs(project: Project, option: str, words: str) -> None:
    project.body("return 1")
    project.write("test_other.py", "import pathlib\n\ndef test_plain(): pathlib.Path('ran').touch()\n")
    result = project.run_apart(*strict(project), option)
    assert result.ret == 4
    assert words in str(result.stderr)
    assert not (project.path / "ran").exists()
    assert project.stored() == 0


def test_usage_error_that_a_worker_finds_removes_the_report_of_the_last_run(project: Project) -> None:
    project.body("return 1", samples=0)
    report = project.write("reports/latest/report.json", "of the last run")
    result = project.run_apart(*strict(project))
    assert result.ret == 4
    assert "samples = 0 is below 1" in str(result.stderr)
    assert not report.exists()


def test_worker_that_ran_plain_tests_first_tears_their_fixtures_down(project: Project) -> None:
    project.module("""
        import pathlib

        @pytest.fixture(scope="session")
        def shared():
            with pathlib.Path("log").open("a") as log:
                log.write("up ")
            yield 0.5
            with pathlib.Path("log").open("a") as log:
                log.write("down ")

        def test_plain(shared): ...

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case, shared):
            model.ask("q")
            return shared
    """)
    assert project.run_apart("-n", "1").ret == 0
    assert project.score() == 0.5
    assert (project.path / "log").read_text() == "up down "
