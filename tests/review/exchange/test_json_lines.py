"""Items as lines of JSON: what is none is refused with its line, before anything is stored."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ReviewFileError
from harness.records.review import Answer, Form, Item, LabelChoice
from harness.review.exchange import SharedItem, import_items
from harness.store import Store
from tests.review.conftest import NOW, PAIR, SCALE
from tests.review.exchange.queues import FORMATS, ITEM, LABEL

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labels": [{**LABEL, "adjudicated": "no"}]}, "its label's adjudicated is 'no'. Write true or false."),
        ({"labels": [{**LABEL, "time": "yesterday"}]}, "its label's time is 'yesterday'. Write seconds since 1970"),
        ({"labels": [{**LABEL, "time": 1e300}]}, "its label's time is 1e+300. Write seconds since 1970"),
        ({"labels": [{**LABEL, "note": 5}]}, "its label's note is 5. Write a text."),
        ({"labels": [{**LABEL, "mood": 5}]}, "a label has no field 'mood'; its fields: reviewer, value"),
        ({"labels": [{"reviewer": "ann"}]}, "it lacks 'value'"),
        ({"labels": LABEL}, "Write a list of objects."),
        ({"wanted": 1_000_000_000}, "its wanted is 1000000000. Write a whole number from 1 to 50."),
        ({"wanted": True}, "its wanted is True. Write a whole number from 1 to 50."),
        ({"item": "x\ud800"}, r"its item is 'x\ud800'. Write an id of 1 to 32 printable ASCII characters"),
        ({"item": 5}, "its item is 5. Write an id"),
        ({"messages": ["why?"]}, "its messages is ['why?']. Write messages such as"),
        ({"answers": [None]}, "its answers is [None]. Write a list of texts."),
    ],
)
def test_a_field_that_is_none_is_named_with_its_line_and_what_to_write(fields: dict[str, Any], said: str) -> None:
    text = f"{json.dumps({**ITEM, 'item': 'i0'})}\n{json.dumps({**ITEM, **fields})}"
    with pytest.raises(ReviewFileError) as refused:
        FORMATS["jsonl"].read(text)
    assert str(refused.value).startswith("Line 2 is no item: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (replace(SCALE, choices=(LabelChoice(2, "", 50),)), "2 counts for 50, which is no number in"),
        (replace(SCALE, choices=(LabelChoice(2, "", True),)), "2 counts for True, which is no number in"),
        (replace(SCALE, choices=(LabelChoice("1", "", 0.0),)), "'1' is no whole number, as those of a scale are"),
        (replace(SCALE, kind="text"), "kind 'text' with 5 choices"),
        (replace(PAIR, choices=(LabelChoice("up", "", None),)), "'up' is no preference"),
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_a_form_whose_values_can_not_count_is_refused(name: str, form: Form, said: str) -> None:
    answers = (Answer("one"), Answer("other"))[: 2 if form.is_pair else 1]
    text = FORMATS[name].write([SharedItem(Item("i1", "", "c", (), answers), "suites/test.py::test", form)])
    with pytest.raises(ReviewFileError, match=said):
        FORMATS[name].read(text)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [ITEM, {**ITEM, "item": "i2", "labels": [{**LABEL, "reviewer": "a" * 70}]}],
            "Line 2, item i2, label of 'a{70}': 'a{70}' is no name for a reviewer: write 1 to 64 printable characters",
        ),
        ([ITEM, ITEM], r"Line 2, item i1 is the id of another new item of the file \(Line 1\). Give each an id"),
        ([ITEM, {**ITEM, "item": "i2", "answers": []}], "Line 2, item i2 is not in the queue, and the file holds too"),
    ],
)
def test_what_can_not_be_stored_leaves_no_batch(store: Store, lines: list[dict[str, Any]], said: str) -> None:
    shared = FORMATS["jsonl"].read("\n".join(map(json.dumps, lines)))
    with pytest.raises(ReviewFileError, match=said):
        import_items(store.review, shared, NOW)
    assert store.review.batches() == []
