"""The end of a gate: it is reported and stored, whatever fails."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.plugin.projects import Project
from tests.plugin.verdicts import RED_AND_GREEN
from tests.reporting.html import pages

pytestmark = pytest.mark.service


def test_run_without_a_terminal_writes_its_report(project: Project) -> None:
    project.module(RED_AND_GREEN)
    assert project.run("-p", "no:terminal", "-k", "red").ret == 1
    assert project.verdicts() == {"test_red": "failed"}


def test_quiet_run_still_shows_verdicts(project: Project) -> None:
    project.module(RED_AND_GREEN)
    project.run("-q", "-k", "red or green").stdout.fnmatch_lines(["RED: 1 failed, 1 passed", "*x failed*test_red*"])


def test_run_is_kept_in_the_store(project: Project) -> None:
    from harness.store import Store

    project.module(RED_AND_GREEN)
    project.run("-k", "red or green")
    with Store.open(str(project.store), readonly=True) as store:
        (run,) = store.runs()
        assert (run.run_id, run.finished, run.verdict, run.exit_code) == (project.report()["run_id"], True, "failed", 1)
        scores = list(store.scores(run.run_id))
    assert len(scores) >= 20
    assert {score.value for score in scores} == {0.0, 1.0}


def test_plain_run_writes_no_report_and_no_store(project: Project) -> None:
    project.module("def test_plain(): ...\n")
    assert project.run().ret == 0
    assert sorted(path.name for path in project.path.iterdir() if path.name != "__pycache__") == [
        *(".pytest_cache", "pytest.ini", "steelyard.toml", "test_it.py"),
    ]


def test_store_that_fails_at_the_end_costs_the_exit_code_and_not_the_report(project: Project) -> None:
    project.module("""
        import sqlite3

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case): assert model.ask("q")

        def test_last():
            with sqlite3.connect(".steelyard/store.db") as connection:
                connection.execute("DROP TABLE steelyard_scores")
            connection.close()
    """)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["ERROR: steelyard: The store * can't be used: no such table: steelyard_scores.*"])
    assert project.report()["exit_code"] == 4
    assert project.verdicts() == {"test_it": "passed"}


@pytest.mark.parametrize(
    ("start", "options", "place", "option"),
    [
        ("suites", (), "../", ""),
        ("suites", ("--store", "other.db"), "../", " --store ../other.db"),
        ("..", (), "{project}/", " --store {project}/.steelyard/store.db"),
        ("..", ("--store", "other.db"), "{project}/", " --store {project}/other.db"),
    ],
)
def test_what_the_end_names_is_found_from_where_pytest_was_started(
    project: Project, monkeypatch: pytest.MonkeyPatch, start: str, options: tuple[str, ...], place: str, option: str
) -> None:
    project.body("assert model.ask(case.prompt) == 'no'", threshold=0.5)
    (project.path / "suites").mkdir()
    monkeypatch.chdir(project.path / start)
    monkeypatch.setenv("COLUMNS", "200")
    result = project.run(*options, str(project.path / "test_it.py"))
    place, option = (each.format(project=project.path.name) for each in (place, option))
    assert f"report  {place}reports/latest/index.html" in result.outlines
    (step,) = [line for line in result.outlines if "store show" in line]
    command = f"steelyard store show c0{option}"
    assert step.startswith(f"next    {command}   ")
    assert command in [each["command"] for each in pages.data(project.path / "reports/latest/index.html")["next"]]
    shown = CliRunner().invoke(main, shlex.split(command)[1:])
    assert (shown.exit_code, "test_it" in shown.output) == (0, True)
