"""Mutants of the stages are found, by the evaluation that names their fault."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants import data, distillation, students
from tests.mutants.gates import ROOT
from tests.mutants.mutant import Mutant, Outcome, Weighed

pytestmark = pytest.mark.nightly

BY_NAME = {mutant.name: mutant for mutant in data.MUTANTS}
TRIED = {"no-exact": "test_duplicates", "any-ip": "test_personal_data"}
"""A wrong setting and wrong code, which a test runs, by the module that is to find it; `make mutants STAGE=data` runs
all, by every module."""


def functions() -> Iterator[str]:
    for path in (ROOT / "suites" / "data").glob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


def test_there_are_enough_and_each_step_is_left_out() -> None:
    assert len(BY_NAME) == len(data.MUTANTS) >= 14
    left_out = [set(data.STEPS) - set(each.settings["steps"]) for each in data.MUTANTS if "steps" in each.settings]
    assert set().union(*left_out) == set(data.STEPS)


@pytest.mark.parametrize("mutant", data.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_has_one_fault_and_names_an_evaluation(mutant: Mutant) -> None:
    assert mutant.red.partition("[")[0] in set(functions())
    assert (mutant.patch is None) != (mutant.settings == {})
    if mutant.patch is not None:
        assert (ROOT / mutant.patch.path).read_text(encoding="utf-8").count(mutant.patch.old) == 1


def test_what_turned_red_is_told_apart() -> None:
    outcome = Outcome(BY_NAME["no-url"], Weighed(("test_planted[url]", "test_retention"), (), 2, 1.0))
    assert outcome.is_found
    assert outcome.others == ("test_retention",)
    assert not replace(outcome, red_without=("test_planted[url]",)).is_found
    assert not Outcome(BY_NAME["no-url"], Weighed(("test_retention",), ("test_planted[url]",), 2, 1.0)).is_found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    mutants = [BY_NAME[name] for name in TRIED]
    return data.new_project(tmp_path_factory.mktemp("mutants"), "test", mutants, replace(data.SIZES, pairs=4))


@pytest.mark.parametrize("name", TRIED)
def test_a_fault_turns_the_evaluation_red_that_names_it(name: str, project: Path) -> None:
    outcome = data.try_mutant(project, BY_NAME[name], (TRIED[name],))
    assert outcome.is_found, outcome
    assert outcome.weighed.errors == ()


def test_there_are_enough_of_distillation_and_each_names_an_evaluation_or_a_test() -> None:
    named = {
        node.name
        for module in (*distillation.MODULES, *sorted((ROOT / students.SUITE).glob("test_*.py")))
        for node in ast.parse((ROOT / module).read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    mutants = distillation.MUTANTS
    assert len({each.name for each in mutants}) == len(mutants) >= 25
    assert {each.red.partition("[")[0] for each in mutants} <= named


def test_each_evaluation_of_distillation_but_those_of_speed_has_a_mutant() -> None:
    modules = [path for path in (ROOT / students.SUITE).glob("test_*.py") if path.name != "test_speed.py"]
    named = {
        node.name
        for path in modules
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    }
    assert {each.red.partition("[")[0] for each in students.MUTANTS} == named


@pytest.mark.parametrize("mutant", distillation.CODE, ids=lambda mutant: mutant.name)
def test_a_fault_of_distillation_fits_one_place(mutant: Mutant) -> None:
    assert mutant.patch is not None
    assert (ROOT / mutant.patch.path).read_text(encoding="utf-8").count(mutant.patch.old) == 1


@pytest.mark.parametrize("name", ["kl-turned-round", "vocabulary-by-size"])
def test_a_fault_of_distillation_turns_the_invariant_red(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    mutant = next(each for each in distillation.CODE if each.name == name)
    outcome = distillation.try_mutant(tmp_path, mutant)
    assert outcome.is_found, outcome
    assert outcome.weighed.errors == ()


def test_a_student_with_a_fault_turns_the_evaluation_red_that_names_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    mutant = next(each for each in students.MUTANTS if each.name == "only-texts")
    project = students.new_project(tmp_path / "project", "test", [mutant], taught=60)
    outcome = students.try_mutant(project, mutant)
    assert outcome.is_found, outcome
    assert outcome.weighed.errors == ()
