"""The cases of the evaluations of judges keep what their README says."""

import json
from collections import Counter
from pathlib import Path

import pytest

from harness import checks

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rag():
    text = (ROOT / "evals" / "evaluation" / "rag" / "cases.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_rag_holds_forty_questions_each_asked_once(rag):
    assert len(rag) == len({case["id"] for case in rag}) == len({case["prompt"] for case in rag}) == 40
    assert all(len(case["passages"]) == 2 for case in rag)
    assert Counter(case["flaw"] for case in rag) == {"number": 12, "negation": 12, "name": 10, "mix": 6}


def test_rag_answers_differ_and_neither_question_holds_what_is_expected(rag):
    for case in rag:
        assert case["faithful"] != case["unfaithful"], case["id"]
        assert checks.contains(case["prompt"], case["expected"]).value == 0, case["id"]


def test_what_is_expected_of_a_number_or_a_name_stands_in_a_passage_and_in_the_faithful_answer_alone(rag):
    for case in rag:
        if case["flaw"] in ("number", "name"):
            assert checks.contains(" ".join(case["passages"]), case["expected"]).value == 1, case["id"]
            assert checks.contains(case["faithful"], case["expected"]).value == 1, case["id"]
            assert checks.contains(case["unfaithful"], case["expected"]).value == 0, case["id"]
