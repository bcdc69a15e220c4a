"""An evaluation that was removed leaves a trace."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

GOOD = """
@pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(60)], threshold=0.5)
def test_good(model, case):
    assert model.ask(case.id) == "yes"
"""
RED = GOOD.replace("good", "red").replace('== "yes"', '== "no"')


def told(result: pytest.RunResult) -> str:
    return " ".join(str(result.stdout).split())


@pytest.fixture
def suite(project: Project) -> Project:
    """A recorded baseline, and a gate against it that was red by an evaluation that is gone since."""
    project.write("suites/test_good.py", GOOD)
    path = project.write("suites/test_red.py", RED)
    project.run("--for-baseline", "suites")
    assert CliRunner().invoke(main, ["baseline", "record", "--name", "released"]).exit_code == 0
    assert project.run("--baseline", "released", "suites").ret == 1
    path.unlink()
    return project


@pytest.mark.parametrize("arguments", [(), ("suites",), (".",)])
def test_an_evaluation_that_is_gone_is_told_with_what_knew_it(suite: Project, arguments: tuple[str, ...]) -> None:
    run_id = suite.report()["run_id"]
    result = suite.run("--baseline", "released", *arguments)
    assert result.ret == 0
    (note,) = (each for each in suite.notes() if "suites/test_red.py::test_red" in each)
    assert note.startswith(
        "suites/test_red.py::test_red is not in the suite any more: the baseline 'released' recorded "
    )
    assert note.endswith(f" has 60 cases of it; a gate of this candidate had it, failed in run {run_id}")
    assert "note suites/test_red.py::test_red is not in the suite any more" in told(result)
    folder = suite.path / "reports" / "latest"
    for name in ("index.html", "report.md"):
        assert "is not in the suite any more" in (folder / name).read_text(encoding="utf-8")


def test_without_a_recording_the_ledger_has_seen_it(suite: Project) -> None:
    suite.run("--baseline", "none")
    (note,) = suite.notes()
    assert note.startswith("suites/test_red.py::test_red is not in the suite any more: a gate of this candidate had it")


@pytest.mark.parametrize(
    "arguments",
    [("suites/test_good.py",), ("-k", "good"), ("--ignore", "suites/other"), ("suites/test_good.py::test_good",)],
)
def test_where_a_part_was_chosen_it_is_told_too(suite: Project, arguments: tuple[str, ...]) -> None:
    suite.write("suites/test_more.py", GOOD.replace("good", "more"))
    suite.run("--baseline", "released", *arguments)
    assert [note.partition(" ")[0] for note in notes_of_what_is_gone(suite)] == ["suites/test_red.py::test_red"]


def test_a_file_that_lf_passes_over_is_not_gone(suite: Project) -> None:
    suite.write("suites/test_red.py", RED)
    suite.run("--baseline", "released")
    suite.run("--baseline", "released", "--lf")
    assert not any("any more" in note for note in suite.notes())


def notes_of_what_is_gone(project: Project) -> list[str]:
    return [note for note in project.notes() if "any more" in note]


def test_a_file_that_the_suite_passes_over_is_not_gone(suite: Project) -> None:
    suite.write("suites/test_red.py", RED)
    suite.write("suites/conftest.py", "collect_ignore = ['test_red.py']")
    suite.run("--baseline", "released", "suites")
    assert notes_of_what_is_gone(suite) == []


def test_one_that_was_green_for_the_candidate_may_go(project: Project) -> None:
    project.write("suites/test_good.py", GOOD)
    path = project.write("suites/test_more.py", GOOD.replace("good", "more"))
    project.run("suites")
    path.unlink()
    project.run("suites")
    assert notes_of_what_is_gone(project) == []


def test_a_gate_of_another_project_with_the_same_store_has_not_had_it(suite: Project) -> None:
    suite.settings["store"] = str(suite.store)
    suite.write("suites/test_other.py", GOOD.replace("good", "other"))
    (suite.path / "suites" / "test_good.py").unlink()
    suite.run("suites")
    assert suite.report()["evaluations"]
    assert notes_of_what_is_gone(suite) == []


def test_ids_are_from_the_folder_of_the_settings_where_pytest_has_its_root_below(suite: Project) -> None:
    suite.write("more/test_red.py", RED)
    suite.run("--baseline", "none")
    suite.run("--baseline", "none", "--rootdir", "suites", "suites")
    assert [note.partition(" ")[0] for note in notes_of_what_is_gone(suite)] == ["suites/test_red.py::test_red"]


def test_of_many_that_are_gone_few_have_a_note_of_their_own(project: Project) -> None:
    project.write("suites/test_good.py", GOOD)
    path = project.write("suites/test_red.py", RED.replace("threshold=0.5", 'per="case"'))
    project.run("--for-baseline", "suites")
    assert CliRunner().invoke(main, ["baseline", "record", "--name", "released"]).exit_code == 0
    path.unlink()
    project.run("--baseline", "released", "suites")
    notes = notes_of_what_is_gone(project)
    assert len(notes) == 6
    assert notes[-1].startswith("55 more that were recorded or not green are not in the suite any more: suites/")
