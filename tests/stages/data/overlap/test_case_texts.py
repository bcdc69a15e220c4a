"""What of a case is looked for."""

from __future__ import annotations

from harness.records import Case
from harness.stages.case_files import FiledCase
from harness.stages.data.overlap.case_texts import RULE, CaseTexts, answers_of, texts_of


def texts(*rows, file="cases.jsonl"):
    return CaseTexts([FiledCase(row["id"], file, Case(row)) for row in rows], RULE)


def words(n, start=0):
    return " ".join(f"w{number}" for number in range(start, start + n))


def test_texts_are_named_by_their_place():
    case = {"id": "a", "passages": ["x", "y"], "attacked": {"order": "z"}, "number": 3, "examples": [{"content": "no"}]}
    assert list(texts_of(case)) == [("passages[0]", "x"), ("passages[1]", "y"), ("attacked.order", "z")]


def test_a_long_text_has_a_gram_at_each_word_that_begins_one():
    found = texts({"id": "a", "prompt": words(20)})
    assert len(found.occurrences) == 8
    assert {len(gram) for gram in found.occurrences} == {13}


def test_a_short_text_is_one_gram_and_a_shorter_one_none():
    assert [len(gram) for gram in texts({"id": "a", "text": words(8)}).occurrences] == [8]
    found = texts({"id": "a", "text": words(7)})
    assert (found.occurrences, found.checked) == ({}, frozenset())


def test_a_short_question_needs_an_answer():
    (places,) = texts({"id": "a", "prompt": words(4), "expected": "Lima"}).occurrences.values()
    assert [each.needs_answer for each in places] == [True]
    assert texts({"id": "a", "prompt": words(4)}).occurrences == {}
    assert texts({"id": "a", "prompt": words(4), "expected": "…"}).occurrences == {}
    assert texts({"id": "a", "prompt": words(2), "expected": "Lima"}).occurrences == {}


def test_answers_are_texts_numbers_lists_and_choices():
    assert answers_of({"answers": ["Lima", "Callao"], "target": 0.5}) == ["Lima", "Callao", "0.5"]
    assert answers_of({"answer": True}) == []
    assert answers_of({"choices": ["a", "b"], "answer": 7}) == ["7"]


def test_a_text_of_several_cases_is_looked_for_once():
    found = texts(*({"id": str(n), "prompt": words(13)} for n in range(12)))
    (places,) = found.occurrences.values()
    assert [each.case for each in places] == list(range(12))


def test_what_more_than_ten_texts_begin_with_is_left_out():
    rows = [{"id": str(n), "prompt": f"{words(13)} {words(13, 100 * (n + 1))}"} for n in range(11)]
    found = texts(*rows)
    assert len(found.occurrences) == 11 * 13
    assert len(texts(*rows[:10]).occurrences) == 10 * 13 + 1
