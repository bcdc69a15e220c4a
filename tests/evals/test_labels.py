"""The recorded labels are those that follow from how the answers were made."""

import json
from collections import Counter
from pathlib import Path

import pytest

from harness.review.batches.population import rating_form
from harness.scoring.judging import Rubrics

ROOT = Path(__file__).parents[2]
MEANT = {"right": 5, "rambling": 4, "incomplete": 3, "wrong fact": 2, "contradiction": 2, "off topic": 1}


def lines(name):
    text = (ROOT / "evals" / "evaluation" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def cases():
    return lines("labels/cases.jsonl")


@pytest.fixture(scope="module")
def labels():
    return lines("labels/labels.jsonl")


def test_each_answer_has_one_label(cases, labels):
    assert [case["id"] for case in cases] == [label["case"] for label in labels]
    assert len({case["id"] for case in cases}) == len({(case["prompt"], case["answer"]) for case in cases}) == 180


def test_answers_are_those_of_defects_and_labels_say_what_was_done_to_them(cases, labels):
    made = {
        (each["id"], answer): kind
        for each in lines("defects/cases.jsonl")
        for kind, answer in {"right": each["right"], **each["defects"]}.items()
    }
    for case, label in zip(cases, labels, strict=True):
        assert label["note"] == made.pop((case["question"], case["answer"])), case["id"]
        assert label["value"] == MEANT[label["note"]], case["id"]
        assert label["reviewer"] == "construction", "these labels claim no reviewer"
    assert not made


def test_every_label_is_one_that_reviewers_can_give(labels):
    form = rating_form(Rubrics((ROOT,)).get("evals/evaluation/defects/rubric.md"))
    scores = [form.read(label["value"], swapped=False)[1] for label in labels]
    assert Counter(score >= 0.5 for score in scores) == {True: 90, False: 90}


def test_the_number_in_an_id_does_not_tell_the_label(cases, labels):
    places = {kind: Counter() for kind in MEANT}
    for case, label in zip(cases, labels, strict=True):
        places[label["note"]][case["id"].rpartition("-")[2]] += 1
        assert set(case) == {"id", "question", "prompt", "expected", "answer"}
    assert all(len(found) == 6 and max(found.values()) <= 10 for found in places.values()), places
