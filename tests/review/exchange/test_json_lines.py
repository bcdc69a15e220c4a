"""Items as lines of JSON: what is none is refused with its line, before anything is stored."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ReviewFileError
from harness.records.review import Form, LabelChoice
from harness.review.exchange import SharedItem, import_items
from harness.store import Store
from tests.review.conftest import NOW, PAIR, SCALE
from tests.review.exchange.queues import FORMATS, ITEM, LABEL

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labels": [{**LABEL, "adjudicated": "no"}]}, "labels.0.adjudicated = 'no': Input should be a valid boolean."),
        ({"labels": [{**LABEL, "time": "yesterday"}]}, "labels.0.time = 'yesterday': Input should be a valid number."),
        ({"labels": [{**LABEL, "time": 1e300}]}, "labels.0.time = 1e+300: Input should be less than or equal to"),
        ({"labels": [{**LABEL, "note": 5}]}, "labels.0.note = 5: Input should be a valid string."),
        ({"labels": [{**LABEL, "mood": 5}]}, "labels.0.mood = 5: Unexpected keyword argument."),
        ({"labels": [{"reviewer": "ann"}]}, "labels.0.value: Field required."),
        ({"labels": [{**LABEL, "answers": [1]}]}, "labels.0.answers = [1]: Input should be a"),
        ({"labels": [{**LABEL, "marks": [["x", 1]]}]}, "labels.0.marks.0.0 = 'x': Input should be a valid integer."),
        ({"labels": LABEL}, "labels = {'reviewer': 'ann', 'value': 3}: Input should be a valid array."),
        ({"wanted": 1_000_000_000}, "wanted = 1000000000: Input should be less than or equal to 50."),
        ({"wanted": True}, "wanted = True: Input should be a valid integer."),
        ({"item": "x y"}, "item = 'x y': String should match pattern '^[!-~]{1,32}$'."),
        ({"item": 5}, "item = 5: Input should be a valid string."),
        ({"messages": ["why?"]}, "messages.0 = 'why?': Input should be an object."),
        ({"answers": [None]}, "answers.0 = None: Input should be a valid string."),
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
        (replace(SCALE, choices=(LabelChoice(2, "", 50),)), "2 counts for 50.0, which is no number in"),
        (
            replace(SCALE, choices=(LabelChoice(2, "", True),)),
            "form.choices.0.score = True: Input should be a valid number",
        ),
        (replace(SCALE, choices=(LabelChoice("1", "", 0.0),)), "'1' is no whole number, as those of a scale are"),
        (replace(SCALE, kind="text"), "form.kind = 'text': Input should be 'scale' or 'preference'"),
        (replace(PAIR, choices=(LabelChoice("up", "", None),)), "'up' is no preference"),
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_a_form_whose_values_can_not_count_is_refused(name: str, form: Form, said: str) -> None:
    answers = ("one", "other")[: 2 if form.is_pair else 1]
    text = FORMATS[name].write([SharedItem("i1", "suites/test.py::test", "c", form, (), answers)])
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
