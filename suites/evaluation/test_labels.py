"""Does this judge agree with labels that are recorded? The version under test judges, as in test_judge.py."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "evals" / "evaluation" / "labels"
RUBRIC = "evals/evaluation/defects/rubric.md"
NOTHING_FALSE = 3
"""The lowest label of the rubric's scale of five that calls an answer right; 0.5 of a score."""


def lines(name):
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


LABELS = {label["case"]: label["value"] for label in lines("labels.jsonl")}
RIGHT = [case for case in lines("cases.jsonl") if LABELS[case["id"]] >= NOTHING_FALSE]
WRONG = [case for case in lines("cases.jsonl") if LABELS[case["id"]] < NOTHING_FALSE]


@pytest.mark.evaluation(
    cases=RIGHT,
    cluster="question",
    weighs="judge",
    samples=1,
    design="fixed",
    threshold=0.8,
    requirement="Non-functional: the judge calls right what the recorded labels call right (sensitivity).",
)
async def test_sensitivity(case, judge):
    return (await judge.rate(case.answer, rubric=RUBRIC, case=case)).value >= 0.5


@pytest.mark.evaluation(
    cases=WRONG,
    cluster="question",
    weighs="judge",
    samples=1,
    design="fixed",
    threshold=0.8,
    requirement="Non-functional: the judge calls wrong what the recorded labels call wrong (specificity).",
)
async def test_specificity(case, judge):
    return (await judge.rate(case.answer, rubric=RUBRIC, case=case)).value < 0.5
