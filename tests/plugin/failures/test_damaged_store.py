"""A gate on a store that is full, or pruned beneath it, says so, and what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from harness.records.report_json import read_report
from harness.reporting.markdown.report import markdown
from harness.store import Store
from tests.plugin.projects import Project
from tests.plugin.reviews import RATE, judged_project

pytestmark = pytest.mark.service


_PRUNE = """
if case.id == "c2":
    with harness.store.Store.open({store!r}) as store:
        store.prune(older_than_s=0)
"""


def test_a_gate_whose_run_is_pruned_meanwhile_ends_with_its_verdicts(project: Project) -> None:
    project.body(_PRUNE.format(store=str(project.store)) + "return model.ask(case.prompt) == 'yes'", cases=4)
    result = project.run()
    assert result.ret == 4
    assert project.evaluation()["verdict"] == "passed"
    assert "`steelyard store prune` removed it while it was under way" in str(result.stdout)


def test_answers_whose_run_is_pruned_meanwhile_can_not_be_reviewed(project: Project) -> None:
    judged_project(project, {"only": 0.8}, 5)
    marker = {"threshold": 0.5, "review": "all", "arguments": "model, case, judge"}
    project.body(_PRUNE.format(store=str(project.store)) + RATE, cases=5, **marker)
    assert project.run().ret == 4
    entry = project.evaluation()
    assert entry["verdict"] == "error"
    assert "it can't be reviewed: Run " in entry["reason"]


_LOCKS = """
import sqlite3
answer = model.ask(case.prompt)
if not called:
    locked.append(sqlite3.connect({store!r}, isolation_level=None))
    locked[0].execute("BEGIN IMMEDIATE")
called.append(case.id)
if len(called) == 40:
    locked[0].close()
return answer == "yes"
"""


def test_scores_that_wait_for_a_lock_stop_no_body(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the last body ends the lock that the first one began."""
    monkeypatch.setattr("harness.gate.runs.run._ROWS_AT_ONCE", 3)
    project.body("return model.ask(case.prompt) == 'yes'", cases=40, samples=1, design="fixed")
    assert project.run().ret == 0
    project.body(_LOCKS.format(store=str(project.store)), cases=40, samples=1, design="fixed")
    module = project.path / "test_it.py"
    module.write_text(module.read_text() + "\n\ncalled, locked = [], []\n")
    assert project.run().ret == 0
    with Store.open(str(project.store), readonly=True) as store:
        assert [len(list(store.scores(run.run_id))) for run in store.runs()] == [40, 40]


def full(project: Project, table: str) -> None:
    """Let the store take no more rows of a table than it has, as on a full disk."""
    with closing(sqlite3.connect(project.store)) as connection:
        connection.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )


def test_scores_that_can_not_be_stored_are_an_error_of_their_evaluation_in_words(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=2)
    project.run()
    full(project, "steelyard_scores")
    project.body("return model.ask(case.prompt) == 'yes'", cases=2600, threshold=0.5, design="fixed")
    result = project.run()
    assert result.ret == 4
    entry, report = project.evaluation(), project.report()
    assert entry["verdict"] == "error"
    assert "database or disk is full" in entry["reason"]
    assert "Traceback" not in str(result.stdout)
    assert "sqlalchemy" not in str(result.stdout)
    assert len(result.outlines) < 60
    assert any("database or disk is full" in note["text"] for note in report["notes"])


def test_verdicts_that_could_not_be_stored_are_no_green_gate(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=2)
    project.run()
    full(project, "steelyard_scores")
    result = project.run()
    assert result.ret == 4
    assert "NOT KEPT: 1 passed" in str(result.stdout)
    assert "GREEN" not in str(result.stdout)
    (note,) = project.notes()
    assert "database or disk is full" in note
    assert str(result.stdout).count("database or disk is full") == 1
    comment = markdown(read_report(project.path / "reports/latest"))
    assert "### ❔ NOT KEPT: 1 passed" in comment
    assert "database or disk is full" in comment
