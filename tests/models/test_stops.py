"""Texts that end an answer."""

from harness.models.stops import before_stop, stops
from harness.records import Request


def test_one_text_is_a_list_of_one_and_none_is_an_empty_list() -> None:
    assert stops(Request(sampling={"stop": "\n"})) == ["\n"]
    assert stops(Request(sampling={"stop": ["a", "b"]})) == ["a", "b"]
    assert stops(Request(sampling={})) == stops(Request(sampling={"stop": None})) == []


def test_an_answer_ends_before_the_first_of_them() -> None:
    assert before_stop("one. two\nthree", ["\n", "."]) == "one"
    assert before_stop(".one", ["."]) == ""
    assert before_stop("one", ["."]) is None
    assert before_stop("one", []) is None
