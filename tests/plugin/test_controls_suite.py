"""suites/distillation/test_controls.py tells a student that learned from its teacher from one that did not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config.customization import DistilledSettings
from harness.models.files.content_hash import file_hash
from harness.stages.training.students import train_student
from harness.stages.training.texts import TrainingData
from harness.stages.training.training_worker import TrainingRequest
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.stages.training.test_students import other_start

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "suites" / "distillation" / "test_controls.py"
WORDS = ("gulls", "boats", "tides", "ropes", "masts", "winds", "sails", "decks")
LIKE_ITS_TEACHER: dict[str, Any] = {"steps": 60, "batch": 8, "length": 64, "learning_rate": 5e-3}
HELD_OUT = Path("evals") / "foundation" / "prose" / "documents.jsonl"
ALL = ("test_nearer_than_the_start", "test_nearer_than_hard_labels", "test_nearer_than_a_shuffled_teacher")
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


@pytest.fixture
def asked(taught: Project) -> Project:
    """One whose teacher knows what each question is answered with; the answers of the lessons are other ones, and the
    held-out texts are such chats.
    """
    transformers = pytest.importorskip("transformers")
    known = [(f"Word {n}?", word) for n, word in enumerate(WORDS)]
    other = [(question, word[::-1]) for question, word in known]
    for path, pairs in (("known.jsonl", known), ("other.jsonl", other)):
        rows = [json.dumps({"prompt": question, "answer": answer}) + "\n" for question, answer in pairs]
        (taught.path / path).write_text("".join(rows), "utf-8")
    start, data = taught.path / "start", taught.path / "known.jsonl"
    how = DistilledSettings("", "", hard_weight=1.0, **LIKE_ITS_TEACHER)
    lessons = TrainingData("known", data, file_hash(data), is_corpus=False)
    (taught.path / "knowing").mkdir()
    train_student(TrainingRequest("t", how, lessons, start, taught.path / "knowing"), lambda _: None)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(start))
    chats = [[{"role": "user", "content": each}, {"role": "assistant", "content": word}] for each, word in known]
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
    lines = [json.dumps({"id": f"c{n}", "text": text}) + "\n" for n, text in enumerate(texts)]
    (taught.path / HELD_OUT).write_text("".join(lines), "utf-8")
    return taught


@pytest.mark.nightly
def test_a_student_is_shown_to_be_nearer_than_each_control_and_one_that_learned_nothing_is_not(taught: Project) -> None:
    taught.run("--candidate", "student", "--baseline", "none")
    assert taught.verdicts() == dict.fromkeys(ALL, "passed")
    taught.run("--candidate", "idle", "--baseline", "none", "-k", "start")
    assert taught.verdicts() == {"test_nearer_than_the_start": "failed"}


@pytest.mark.nightly
def test_a_student_by_answers_is_shown_to_be_nearer_than_one_of_answers_to_other_prompts_which_is_not_itself(
    asked: Project,
) -> None:
    how = {**HOW, **LIKE_ITS_TEACHER, "teacher": "knowing", "method": "sequence", "data": "other.jsonl"}
    del how["hard_weight"]
    weigh_both(asked, how)


def weigh_both(project: Project, how: dict[str, Any]) -> None:
    """See that a student passes beside its controls, and that one whose teacher was shuffled does not."""
    engine = {"engine": "transformers", "sampling": {"temperature": 0.0, "max_tokens": 64}}
    project.versions |= {
        "knowing": {**engine, "weights": "knowing"},
        "student": {**engine, "distilled": how},
        "dealt": {**engine, "distilled": {**how, "shuffled": True}},
    }
    project.run("--candidate", "student", "--baseline", "none")
    assert project.verdicts() == dict.fromkeys(ALL, "passed")
    project.run("--candidate", "dealt", "--baseline", "none", "-k", "shuffled")
    assert project.verdicts() == {"test_nearer_than_a_shuffled_teacher": "failed"}
