"""The recorded labels of evals/evaluation/labels: a judge is held against them, and in place of people they decide."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.scoring.judging import Rubrics
from harness.scoring.judging.prompts import material, rating_messages
from tests.plugin.projects import Project
from tests.plugin.reviews import opened
from tests.scoring.judging.panel import rated

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
FOLDER = Path("evals/evaluation/labels")
RUBRIC = "evals/evaluation/defects/rubric.md"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / FOLDER / name).read_text(encoding="utf-8").splitlines()]


CASES = lines("cases.jsonl")
ANSWERS = {case["id"]: case["answer"] for case in CASES}
LABELS = {label["case"]: label for label in lines("labels.jsonl")}


@pytest.fixture
def labelled(project: Project) -> Project:
    """A project with these files, whose version `writer` gives the stored answers."""
    for path in (RUBRIC, FOLDER / "cases.jsonl", FOLDER / "labels.jsonl", "suites/evaluation/test_labels.py"):
        (project.path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, project.path / path)
    answers = {f"{case['prompt']} ({case['id']})": case["answer"] for case in CASES}
    project.write("answers.json", json.dumps(answers))
    project.versions = {"writer": {"engine": "scripted", "answers": "answers.json"}}
    return project


def seat(project: Project, says: Callable[[str], int]) -> None:
    """A judge `critic` that gives each case the score that `says` gives its id."""
    rubric, table = Rubrics((ROOT,)).get(RUBRIC), {}
    for case in CASES:
        given = material(rubric, case, None)
        table[rating_messages(rubric, given, case["id"], case["answer"])[-1]["content"]] = rated(says(case["id"]))
    project.write("judge.json", json.dumps(table))
    project.versions["critic"] = {"engine": "scripted", "answers": "judge.json"}


def is_right(value: int) -> bool:
    return value >= 3


def mistaken(rate: float, seed: int = 3) -> Callable[[str], int]:
    """The label, or so often the worst score for a right answer and the best for a wrong one."""
    rng = random.Random(seed)
    said = {case_id: label["value"] for case_id, label in LABELS.items()}
    said |= {case_id: 1 if is_right(value) else 5 for case_id, value in said.items() if rng.random() < rate}
    return said.__getitem__


@pytest.mark.parametrize(
    ("says", "verdicts", "code"),
    [
        (mistaken(0.08), ("passed", "passed"), 0),
        (lambda case_id: 5, ("passed", "failed"), 1),
        (lambda case_id: 1, ("failed", "passed"), 1),
    ],
    ids=["good", "kind", "harsh"],
)
def test_the_suite_tells_how_often_a_judge_agrees_with_the_labels(
    labelled: Project, says: Callable[[str], int], verdicts: tuple[str, str], code: int
) -> None:
    seat(labelled, says)
    labelled.settings = {"candidate": "critic"}
    assert labelled.run("suites/evaluation/test_labels.py").ret == code
    names = ("test_sensitivity", "test_specificity")
    assert labelled.verdicts() == dict(zip(names, verdicts, strict=True))
    for name, right in zip(names, (True, False), strict=True):
        own = [case_id for case_id, label in LABELS.items() if is_right(label["value"]) == right]
        assert labelled.score(name) == pytest.approx(fmean(is_right(says(case_id)) == right for case_id in own))


BODY = f"""
answer = model.ask(f"{{case.prompt}} ({{case.id}})")
return judge.rate(answer, rubric="{RUBRIC}", case=case)
"""


def decided_by_people(project: Project, threshold: float, margin: float) -> None:
    project.settings = {"candidate": "writer", "judge": "critic", "samples": 1}
    marker = f"cases={str(FOLDER / 'cases.jsonl')!r}, threshold={threshold}, margin={margin}, review='uncertain'"
    body = "\n".join(f"    {line}" for line in BODY.strip().splitlines())
    project.module(f"@pytest.mark.evaluation({marker})\ndef test_it(model, case, judge):\n{body}\n")


@pytest.fixture
def command(labelled: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(labelled.path)
    return lambda *arguments: CliRunner().invoke(main, arguments)


def label_what_was_drawn(project: Project, command: Callable[..., Result]) -> tuple[int, str]:
    """Export, label by case, import, until no more is asked; how many labels that took, and why it ended."""
    exported, n_items = project.path / "items.jsonl", 0
    while True:
        with opened(project) as store:
            (batch,) = store.review.batches()
        if batch.closed_reason is not None:
            return n_items, batch.closed_reason
        assert command("review", "export", batch.id, "-o", str(exported)).exit_code == 0
        items = [json.loads(line) for line in exported.read_text(encoding="utf-8").splitlines()]
        assert len(items) > n_items, "nothing further was drawn, and nothing is decided"
        n_items = len(items)
        for item in items:
            assert item["answers"] == [ANSWERS[item["case"]]]
            label = LABELS[item["case"]]
            item["labels"] = [{name: label[name] for name in ("reviewer", "value", "note")}]
        exported.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
        assert command("review", "import", str(exported)).exit_code == 0


TRUTH = fmean((label["value"] - 1) / 4 for label in LABELS.values())


@pytest.mark.parametrize(
    ("threshold", "margin", "verdict", "code"), [(0.45, 0.15, "passed", 0), (0.65, 0.05, "failed", 1)]
)
def test_recorded_labels_decide_a_run_with_fewer_labels_than_items(
    labelled: Project, command: Callable[..., Result], threshold: float, margin: float, verdict: str, code: int
) -> None:
    """And rightly: the mean of all labels lies on the side of the threshold that the verdict says."""
    assert (threshold <= TRUTH) == (verdict == "passed")
    seat(labelled, mistaken(0.15))
    decided_by_people(labelled, threshold, margin)
    assert labelled.run("test_it.py").ret == 8
    assert labelled.evaluation()["verdict"] == "inconclusive"
    n_labels, reason = label_what_was_drawn(labelled, command)
    assert n_labels <= 100 < len(CASES)
    assert reason == f"decided: {verdict}"
    assert command("gate", "--resume", "latest").exit_code == code
    entry = labelled.evaluation()
    assert (entry["verdict"], entry["review"]["n_labels"]) == (verdict, n_labels)
    assert entry["candidate"]["low"] <= TRUTH <= entry["candidate"]["high"]
    assert labelled.report()["usage"]["model_calls"] == 0


def test_a_judge_that_is_too_kind_does_not_decide(labelled: Project, command: Callable[..., Result]) -> None:
    """It calls every answer perfect; the labels turn the verdict."""
    seat(labelled, lambda case_id: 5)
    decided_by_people(labelled, 0.65, 0.05)
    assert labelled.run("test_it.py").ret == 8
    n_labels, reason = label_what_was_drawn(labelled, command)
    assert n_labels < len(CASES)
    assert reason == "decided: failed"
    assert command("gate", "--resume", "latest").exit_code == 1
