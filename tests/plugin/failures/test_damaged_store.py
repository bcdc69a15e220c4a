"""A gate on a store that is damaged says so, and what to do."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from harness.store import Store
from tests.plugin.projects import Project
from tests.store.rows import draw


def test_a_gate_on_a_damaged_store_ends_in_seconds_with_what_to_do(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=4)
    assert project.run().ret == 0
    with Store.open(str(project.store)) as store:
        store.add([draw(f"question {number}", "answer " * 50) for number in range(5_000)])
    with closing(sqlite3.connect(project.store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with project.store.open("r+b") as file:
        file.seek(200 * 4096)
        file.write(b"\xff" * 4096 * 100)
    began = time.monotonic()
    result = project.run()
    assert time.monotonic() - began < 30
    assert result.ret == 4
    said = " ".join(f"{result.stdout}{result.stderr}".split())
    assert "is damaged" in said
    assert "Put a copy of it in its place" in said


def test_a_gate_says_that_a_stored_answer_was_changed(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=4, samples=1)
    assert project.run().ret == 0
    with closing(sqlite3.connect(project.store)) as connection:
        connection.execute("UPDATE steelyard_samples SET text = CAST('no' AS BLOB)")
        connection.commit()
    result = project.run()
    assert result.ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "error"
    assert "is not what was stored; somebody changed it" in entry["reason"]
    assert project.run("--fresh").ret == 0
