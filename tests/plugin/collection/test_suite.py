"""The error rate of red is shared among the suite, whichever part of it was run first."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

COLLECTED = 'import pathlib\nwith pathlib.Path("collected").open("a") as log: log.write(__name__ + "\\n")\n'
EVALUATION = """
@pytest.mark.evaluation(cases=[{{"id": f"c{{i}}"}} for i in range(20)], threshold=0.5)
def {name}(model, case):
    assert model.ask(case.id) == "{answer}"
"""
PER_CASE = """
@pytest.mark.evaluation(cases="cases.jsonl", per="case", threshold=0.7, margin=0.2)
def test_each(model, case):
    assert model.ask(case.id) == "yes"
"""


def evaluations(*names: str, answer: str = "yes") -> str:
    return COLLECTED + "".join(EVALUATION.format(name=name, answer=answer) for name in names)


def cases(project: Project, n: int, name: str = "evals/cases.jsonl") -> None:
    project.write(name, "".join(json.dumps({"id": f"k{i}"}) + "\n" for i in range(n)))


@pytest.fixture
def suite(project: Project) -> Project:
    """Eight evaluations in three files, one of which is red, and tests beside them that nobody may import."""
    project.write("evals/test_a.py", evaluations("test_one", "test_two"))
    project.write(
        "evals/deep/test_b.py", evaluations("test_three", answer="no") + evaluations("test_four", "test_five")
    )
    project.write("evals/test_c.py", COLLECTED + PER_CASE)
    project.write("evals/helpers.py", "raise AssertionError")
    project.write("tests/test_plain.py", "raise AssertionError")
    cases(project, 3)
    project.versions["new"] = {"engine": "scripted", "default": "yes", "system": "Be brief."}
    project.settings["candidate"] = "only"
    return project


def levels(project: Project, folder: str = "reports/latest") -> dict[str, tuple[Any, ...]]:
    names = ("number", "level", "red_level", "weight", "batch")
    return {each["id"]: tuple(each["look"][name] for name in names) for each in project.report(folder)["evaluations"]}


def forget(project: Project) -> None:
    """Forget all that was seen and collected."""
    for folder in (".steelyard", ".pytest_cache"):
        shutil.rmtree(project.path / folder, ignore_errors=True)
    (project.path / "collected").unlink(missing_ok=True)


def collected(project: Project) -> list[str]:
    return (project.path / "collected").read_text().split()


NODE = "evals/deep/test_b.py::test_five"


@pytest.mark.parametrize(
    "first",
    [
        (NODE,),
        ("evals/test_c.py::test_each[k1]",),
        ("evals/test_a.py",),
        ("evals/deep",),
        ("evals", "-k", "test_two"),
        ("evals", "--deselect", NODE),
        ("evals", "--ignore", "evals/deep"),
        ("evals", "--lf"),
        (NODE, "-p", "no:cacheprovider"),
        (NODE, "-n", "2"),
    ],
    ids=" ".join,
)
def test_whatever_is_run_first_the_levels_are_those_of_the_suite(suite: Project, first: tuple[str, ...]) -> None:
    run = suite.run
    if "-n" in first:
        pytest.importorskip("xdist")
        run = suite.run_apart
    suite.run("evals")
    whole = levels(suite)
    assert (len(whole), {look[-2:] for look in whole.values()}) == (8, {(0.125, 1)})
    if "--lf" in first:
        first = (*first, "--candidate", "new")  # it has another fingerprint, and what failed is known
    else:
        forget(suite)
    run(*first)
    part = levels(suite)
    assert 0 < len(part) < 8
    assert part == {name: whole[name] for name in part}
    suite.run("evals", *first[-2:] if "--candidate" in first else ())
    assert levels(suite) == whole
    assert suite.notes() == []


def test_what_is_known_is_not_collected_again(suite: Project) -> None:
    result = suite.run(NODE)
    assert sorted(collected(suite)) == sorted(["test_a", *["test_b"] * 4, "test_c"])  # which logs twice each time
    before = collected(suite)
    result.stdout.fnmatch_lines(["steelyard: collecting 3 files without running them, *"])
    again = suite.run("evals/test_a.py::test_one")
    assert collected(suite) == [*before, "test_a"]
    again.stdout.no_fnmatch_line("*without running*")


@pytest.mark.parametrize("change", ["an evaluation", "a file", "a case", "a conftest"])
def test_what_has_changed_is_collected_again(suite: Project, change: str) -> None:
    suite.run("evals")
    if change == "an evaluation":
        suite.write("evals/test_a.py", evaluations("test_one", "test_two", "test_six"))
    elif change == "a file":
        suite.write("evals/test_d.py", evaluations("test_six"))
    elif change == "a case":
        cases(suite, 4)
    else:
        suite.write(
            "evals/conftest.py",
            "def pytest_generate_tests(metafunc):\n"
            "    if metafunc.function.__name__ == 'test_two': metafunc.parametrize('n', [1, 2])\n",
        )
        text = evaluations("test_one", "test_two").replace("test_two(model", "test_two(n, model")
        suite.write("evals/test_a.py", text)
    for _ in range(2):
        suite.run(NODE, "--candidate", "new")
        assert [look[-2:] for look in levels(suite).values()] == [(1 / 9, 1)]
    suite.run("evals", "--candidate", "new")
    assert [look[-2:] for look in levels(suite).values()] == [(1 / 9, 1)] * 9


def test_what_is_added_after_a_gate_is_a_later_batch(suite: Project) -> None:
    suite.run(NODE)
    suite.write("evals/test_a.py", evaluations("test_one", "test_two", "test_six"))
    suite.run("evals")
    look = levels(suite)
    assert look.pop("evals/test_a.py::test_six")[-2:] == (1.0, 2)
    assert {each[-2:] for each in look.values()} == {(0.125, 1)}


def test_all_of_testpaths_is_one_suite(suite: Project) -> None:
    suite.ini += "testpaths = evals/deep more\n"
    suite.write("more/test_d.py", evaluations("test_six"))
    suite.run(NODE)
    assert [look[-2:] for look in levels(suite).values()] == [(0.25, 1)]
    suite.run()
    assert [look[-2:] for look in levels(suite).values()] == [(0.25, 1)] * 4


def test_evaluations_in_the_project_s_own_folder_have_all_of_it(project: Project) -> None:
    project.module(evaluations("test_it"))
    project.write("below/test_more.py", evaluations("test_more"))
    project.write("venv/pyvenv.cfg", "")
    project.write("venv/test_of_others.py", evaluations("test_other"))
    project.run("test_it.py")
    assert [look[-2:] for look in levels(project).values()] == [(0.5, 1)]


def test_a_project_below_pytest_s_root_has_a_suite_of_its_own(project: Project) -> None:
    project.write("sub/steelyard.toml", '[models.only]\nengine = "scripted"\ndefault = "yes"\n')
    project.write("sub/evals/test_a.py", evaluations("test_one", "test_two"))
    project.write("sub/evals/test_c.py", PER_CASE)
    project.write("evals/test_d.py", evaluations("test_six"))
    cases(project, 3, "sub/cases.jsonl")
    project.run("sub/evals/test_a.py::test_one")
    (look,) = levels(project, "sub/reports/latest").items()
    assert (look[0], look[1][-2:]) == ("evals/test_a.py::test_one", (0.2, 1))


def test_what_can_t_be_collected_is_told_and_ends_nothing(suite: Project) -> None:
    suite.write("evals/test_broken.py", "import nothing_of_this_name")
    suite.run(NODE)
    assert suite.report()["exit_code"] == 0
    assert [look[-2:] for look in levels(suite).values()] == [(0.125, 1)]
    (note,) = suite.notes()
    assert note.startswith("not collected, though of the suite: evals/test_broken.py.")


def test_a_file_that_is_broken_for_now_keeps_its_evaluations(suite: Project) -> None:
    suite.run("evals")
    suite.write("evals/test_a.py", "def")
    suite.run(NODE, "--candidate", "new")
    assert [look[-2:] for look in levels(suite).values()] == [(0.125, 1)]
