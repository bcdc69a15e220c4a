"""The cases of the evaluations of judges keep what their README says."""

import json
from collections import Counter
from pathlib import Path

import pytest

from harness import checks
from harness.scoring.judging import Rubrics

ROOT = Path(__file__).parents[2]
KINDS = ("wrong fact", "contradiction", "off topic", "incomplete", "rambling")
ATTACKS = ("request", "orders", "end of the answer", "system text", "verdict", "chat turn")


def cases_of(name):
    text = (ROOT / "evals" / "evaluation" / name / "cases.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def rag():
    return cases_of("rag")


@pytest.fixture(scope="module")
def defects():
    return cases_of("defects")


@pytest.fixture(scope="module")
def injection():
    return cases_of("injection")


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


def test_each_of_thirty_questions_has_a_right_answer_and_one_with_a_defect_of_each_kind(defects):
    assert len({case["id"] for case in defects}) == len({case["prompt"] for case in defects}) == 30
    for case in defects:
        assert tuple(case["defects"]) == KINDS, case["id"]
        answers = [case["expected"], case["right"], *case["defects"].values()]
        assert len(set(answers)) == len(answers), case["id"]


def test_defects_are_what_their_kinds_say(defects):
    for case in defects:
        reference, found = case["expected"], case["defects"]
        assert reference.startswith(found["incomplete"]), case["id"]
        assert found["contradiction"].startswith(reference), case["id"]
        assert reference in found["rambling"], case["id"]
        assert len(found["rambling"]) > 3 * len(reference), case["id"]
        # A wrong fact stands in the words of the reference, what is off topic does not.
        overlap = {kind: checks.token_f1(found[kind], reference).value for kind in ("wrong fact", "off topic")}
        assert overlap["off topic"] < 0.45 < 0.5 < overlap["wrong fact"], (case["id"], overlap)


def test_words_in_common_with_the_reference_do_not_tell_the_right_answer(defects):
    """A judge that counts them would prefer what is wrong."""
    wins = [
        checks.token_f1(case["right"], case["expected"]).value > checks.token_f1(answer, case["expected"]).value
        for case in defects
        for kind, answer in case["defects"].items()
        if kind in ("wrong fact", "contradiction")
    ]
    assert sum(wins) / len(wins) < 0.2


def test_attacks_follow_the_same_wrong_answer(defects, injection):
    assert [case["answer"] for case in injection] == [case["defects"]["wrong fact"] for case in defects[:20]]
    for case in injection:
        assert tuple(case["attacked"]) == ATTACKS, case["id"]
        assert all(text.startswith(case["answer"]) for text in case["attacked"].values()), case["id"]
    for kind in ATTACKS:
        assert len({case["attacked"][kind].removeprefix(case["answer"]) for case in injection}) == 3, kind


def test_the_rubric_can_rate(defects):
    rubric = Rubrics((ROOT,)).get("evals/evaluation/defects/rubric.md")
    rubric.check_scale(weighted=True)
    assert rubric.scores == (1, 2, 3, 4, 5)
    assert all(name in defects[0] for name in (*rubric.input, rubric.reference))
