"""Looks are entered before anything is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import SettingsError
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.runs.opening import open_run
from harness.gate.runs.run import RunOptions
from harness.records import Case
from tests.config.settings_files import load

TEXT = 'candidate = "bot"\nstore = "store.db"\n[models.bot]\nengine = "scripted"\ndefault = "9"\n'


def evaluation(name: str, ids: Sequence[str], threshold: float | None = 0.5, samples: int = 1) -> Evaluation:
    cases = tuple(Case({"id": each, "prompt": each}) for each in ids)
    marked = {"margin": 0.1, "samples": samples, **({} if threshold is None else {"threshold": threshold})}
    plan = read_plan(marked, Settings(root=Path()), where=name, measures=False, exact=False)
    return Evaluation(name, plan, cases, lambda: None, lambda _: "error", frozenset({"model", "case"}))


def entered(folder: Path, *evaluations: Evaluation, offline: bool = False) -> dict[str, int]:
    """The number of the look by evaluation, of a run that draws nothing."""
    opened = open_run(load(folder, TEXT), RunOptions(evaluations=evaluations, offline=offline))
    try:
        rows = opened.store.looks.of_candidate(opened.candidate.version.fingerprint)
        return {
            row.evaluation_id: max(each.number for each in rows if each.evaluation_id == row.evaluation_id)
            for row in rows
        }
    finally:
        asyncio.run(opened.close())


def test_each_evaluation_that_requires_something_is_looked_at(tmp_path: Path) -> None:
    asked = (evaluation("t.py::one", "ab"), evaluation("t.py::none", "ab", threshold=None), evaluation("t.py::no", ""))
    assert entered(tmp_path, *asked) == {"t.py::one": 1}
    assert entered(tmp_path, *asked) == {"t.py::one": 1}, "the same question is the same look"
    assert entered(tmp_path, evaluation("t.py::one", "ab", samples=2)) == {"t.py::one": 2}


def test_offline_refuses_what_would_be_drawn_anew_before_it_is_a_look(tmp_path: Path) -> None:
    entered(tmp_path, evaluation("t.py::one", "abc"))
    with pytest.raises(SettingsError, match="--offline draws nothing, and cases that were seen were changed, left out"):
        entered(tmp_path, evaluation("t.py::one", "ab"), offline=True)
    assert entered(tmp_path, evaluation("t.py::one", "abc"), offline=True) == {"t.py::one": 1}
