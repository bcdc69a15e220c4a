"""Mutants of a retriever and of needles are found, by the evaluation that names their fault."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants import customization, handbook
from tests.mutants.gates import ROOT
from tests.mutants.mutant import Mutant

pytestmark = pytest.mark.nightly

BY_NAME = {mutant.name: mutant for mutant in customization.MUTANTS}
TRIED = {
    "gold-removed": "test_retrieval",
    "needle-cut": "test_needles",
    "answer-quoted": "test_prompts",
    "answer-remembered": "test_grounding",
}
"""Those that a test runs, by the module that is to find them; `make mutants STAGE=customization` runs all, by each."""


def functions() -> set[str]:
    paths = [ROOT / handbook.SUITE / f"{module}.py" for module in handbook.ALL_MODULES]
    nodes = [node for path in paths for node in ast.parse(path.read_text(encoding="utf-8")).body]
    return {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


@pytest.mark.parametrize("mutant", customization.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_has_one_fault_and_names_an_evaluation(mutant: Mutant) -> None:
    assert mutant.red in functions()
    assert (mutant.patch is None) != (mutant.settings == {})
    if mutant.patch is not None:
        assert (ROOT / mutant.patch.path).read_text(encoding="utf-8").count(mutant.patch.old) == 1


@pytest.mark.parametrize("name", TRIED)
def test_a_fault_turns_the_evaluation_red_that_names_it(name: str, tmp_path: Path) -> None:
    pytest.importorskip("bm25s")
    project = handbook.new_project(tmp_path / "project", "test", [BY_NAME[name]])
    outcome = customization.try_mutant(project, BY_NAME[name], (TRIED[name],))
    assert outcome.is_found, outcome
    assert outcome.weighed.errors == ()
