"""suites/distillation/test_controls.py tells a student that learned from its teacher from one that did not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.stages.training.test_students import other_start

pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
SUITE = ROOT / "suites" / "distillation" / "test_controls.py"
HELD_OUT = Path("evals") / "foundation" / "prose" / "documents.jsonl"
HOW = {
    "teacher": "teacher",
    "data": "texts.jsonl",
    "student": {"weights": "start"},
    "steps": 30,
    "batch": 4,
    "length": 32,
    "learning_rate": 3e-3,
    "hard_weight": 0.0,
}


@pytest.fixture
def taught(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the suite, tiny weights, a student that learns and one that hardly moves."""
    monkeypatch.setenv("STEELYARD_CACHE", str(project.path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_tiny_llama(project.path / "teacher")
    other_start(project.path / "start")
    passages = [json.loads(line) for line in (ROOT / HELD_OUT).read_text("utf-8").splitlines()[:36]]
    for path, rows in ((Path("texts.jsonl"), passages[24:]), (HELD_OUT, passages[:24])):
        (project.path / path).parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({**row, "text": row["text"][:120]}) + "\n" for row in rows]
        (project.path / path).write_text("".join(lines), "utf-8")
    project.versions = {
        "teacher": {"engine": "transformers", "weights": "teacher"},
        "student": {"engine": "transformers", "distilled": HOW},
        "idle": {"engine": "transformers", "distilled": {**HOW, "steps": 1, "learning_rate": 1e-9}},
    }
    (project.path / "test_it.py").write_text(SUITE.read_text("utf-8"), "utf-8")
    return project


@pytest.mark.slow
def test_a_student_is_shown_to_be_nearer_than_each_control_and_one_that_learned_nothing_is_not(taught: Project) -> None:
    taught.run("--candidate", "student", "--baseline", "none")
    assert set(taught.verdicts().values()) == {"passed"}
    assert set(taught.verdicts()) == {
        "test_nearer_than_the_start",
        "test_nearer_than_hard_labels",
        "test_nearer_than_a_shuffled_teacher",
    }
    taught.run("--candidate", "idle", "--baseline", "none", "-k", "start")
    assert taught.verdicts() == {"test_nearer_than_the_start": "failed"}
