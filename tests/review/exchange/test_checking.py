"""What a file holds of an item is what it should be, or is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ReviewFileError
from harness.records.review import Form, LabelChoice
from harness.review.exchange import FORMATS, SharedItem, import_items
from harness.store import Store
from tests.review.conftest import NOW, PAIR, SCALE
from tests.review.exchange.queues import EVERY_FORMAT, ITEM, LABEL

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            replace(SCALE, choices=(LabelChoice(1, "", 0.0), LabelChoice(2, "", 50))),
            "2 counts for 50, which is no number in",
        ),
        (
            replace(SCALE, choices=(LabelChoice(1, "", 0.0), LabelChoice(2, "", True))),
            "2 counts for True, which is no number in",
        ),
        (replace(SCALE, choices=(LabelChoice("1", "", 0.0),)), "'1' is no value of a form of kind 'scale'"),
        (replace(PAIR, choices=(LabelChoice("up", "", None),)), "'up' is no preference"),
    ],
)
@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_form_whose_values_can_not_count_is_refused(name: str, form: Form, said: str) -> None:
    answers = ("one", "other")[: 2 if form.is_pair else 1]
    text = FORMATS[name].write([SharedItem("i1", "suites/test.py::test", "c", form, (), answers)])
    with pytest.raises(ReviewFileError, match=said):
        FORMATS[name].read(text)


@pytest.mark.parametrize("hidden", [{"probability": 0}, {"probability": "1"}, {"judge_score": 50}])
def test_a_new_item_with_a_number_that_is_none_brings_nothing_in(store: Store, hidden: dict[str, Any]) -> None:
    good = SharedItem("i1", "suites/test.py::a", "c", SCALE, (), ("answer",))
    bad = replace(good, item_id="i2", evaluation_id="suites/test.py::b", hidden=hidden)
    with pytest.raises(ReviewFileError, match=r"Item i2: it wants 1 labels, was drawn with probability"):
        import_items(store.review, [good, bad], NOW)
    assert store.review.batches() == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [ITEM, {**ITEM, "item": "i2", "labels": [{**LABEL, "reviewer": "a" * 70}]}],
            "Line 2, item i2, label of 'a{70}': 'a{70}' is no name for a reviewer: write 1 to 64 printable characters",
        ),
        ([ITEM, ITEM], r"Line 2, item i1 is the id of another new item of the file \(Line 1\). Give each an id"),
        (
            [{**ITEM, "hidden": {"sample_keys": ["zz"]}}],
            "Line 1, item i1: versions, fingerprints, samples or sample_keys",
        ),
    ],
)
def test_what_can_not_be_stored_leaves_no_batch(store: Store, lines: list[dict[str, Any]], said: str) -> None:
    shared = FORMATS["jsonl"].read("\n".join(map(json.dumps, lines)))
    with pytest.raises(ReviewFileError, match=said):
        import_items(store.review, shared, NOW)
    assert store.review.batches() == []
