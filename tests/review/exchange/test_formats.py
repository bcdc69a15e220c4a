"""Every format takes every text, and says of a file that is none where it ends to be one."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ReviewFileError
from harness.review.exchange import FORMATS, SharedItem, find_format, format_of
from tests.review.conftest import NOW, SCALE
from tests.review.exchange.queues import EVERY_FORMAT, label_of


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("jsonl", "{", "Line 1 is no item"),
        ("jsonl", '\n{"item": "x"}', "Line 2 is no item: it lacks 'evaluation'"),
        (
            "jsonl",
            '{"item": "x", "evaluation": "e", "case": "c", "messages": [], "answers": [], "form": {"kind": "stars"}}',
            "can't be understood",
        ),
        ("csv", "a,b\n1,2\n", "lacks the column item, value, form"),
        ("csv", "item,value,form\nx,3,nonsense\n", "Row 2 is no item"),
        ("label-studio", "nonsense", "is no JSON"),
        ("label-studio", "{}", "not as JSON-MIN"),
        ("label-studio", '[{"data": {}}]', "Task 1 is none that Steelyard exported: it lacks 'steelyard'"),
        ("argilla", "{}", "is no list of records"),
        ("argilla", '[{"id": "x"}]', "Record 1 is none that Steelyard exported"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(name: str, text: str, said: str) -> None:
    with pytest.raises(ReviewFileError) as refused:
        FORMATS[name].read(text)
    assert said in str(refused.value)


def test_an_unknown_format_is_told_with_the_nearest() -> None:
    with pytest.raises(ReviewFileError, match="Did you mean 'argilla'"):
        find_format("argila")
    with pytest.raises(ReviewFileError, match="say it with --format"):
        format_of(Path("labels.txt"), "")


_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@pytest.mark.service
@pytest.mark.parametrize("name", EVERY_FORMAT)
@given(answer=_TEXTS, question=_TEXTS, note=_TEXTS, reviewer=_TEXTS.filter(lambda text: text.strip() == text and text))
def test_any_text_comes_through(name: str, answer: str, question: str, note: str, reviewer: str) -> None:
    label = replace(label_of(3), note=note, reviewer=reviewer, time=NOW)
    messages = ({"role": "user", "content": question},)
    shared = SharedItem("i1", "suites/test.py::test", "c", SCALE, messages, (answer,), labels=(label,), hidden={"a": 1})
    assert FORMATS[name].read(FORMATS[name].write([shared])) == [shared]
