"""Items as lines of JSON: a field that is none is named with its line."""

import json
from typing import Any

import pytest

from harness.errors import ReviewFileError
from harness.review.exchange import FORMATS
from tests.review.exchange.queues import ITEM, LABEL

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
        ({"hidden": {"run": "\ud800"}}, r"its hidden run is '\ud800'. Write a run's id or null."),
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
