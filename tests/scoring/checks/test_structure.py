"""JSON that follows a schema."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Score, checks
from harness.errors import CheckError

ORDER = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
        "paid": {"type": "boolean"},
    },
    "required": ["items", "paid"],
    "additionalProperties": False,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_an_answer_that_follows_its_schema_scores_1() -> None:
    assert checks.follows_schema('{"items": [{"price": 1.5}], "paid": true}', ORDER) == Score(1.0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"items": [{"price": 1}, {"price": "2"}], "paid": true}', "$.items[1].price: '2' is not of type 'number'"),
        ('{"items": []}', "$: 'paid' is a required property"),
        ('{"items": [], "paid": 1}', "$.paid: 1 is not of type 'boolean'"),
        ('{"items": 1, "paid": 1}', "$.paid: 1 is not of type 'boolean' (1 more)"),
        ("[]", "$: [] is not of type 'object'"),
        ("{", "no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)): '{'"),
        ("", "no JSON (Expecting value: line 1 column 1 (char 0)): ''"),
        ("NaN", "no JSON (NaN is no JSON): 'NaN'"),
        ("[" * 100_000, "nested too deeply to be checked"),
    ],
)
def test_the_reason_names_the_path(answer, reason) -> None:
    assert checks.follows_schema(answer, ORDER) == Score(0.0, reason)


def test_a_number_of_ten_thousand_digits_is_a_reason_and_no_error() -> None:
    assert "no JSON" in str(checks.follows_schema("1" * 10_000, ORDER).reason)


def test_a_long_value_is_cut_in_the_reason() -> None:
    reason = checks.follows_schema(json.dumps("x" * 1_000_000), {"type": "integer"}).reason
    assert reason is not None
    assert len(reason) < 300


def test_a_thousand_errors_are_enough() -> None:
    reason = checks.follows_schema(json.dumps(["a"] * 5000), {"items": {"type": "integer"}}).reason
    assert reason == "$[999]: 'a' is not of type 'integer' (at least 999 more)"


def test_a_fence_is_taken_out_where_it_is_allowed() -> None:
    answer = '```json\n{"items": [], "paid": false}\n```\n'
    assert checks.follows_schema(answer, ORDER, fenced=True) == Score(1.0)
    assert checks.follows_schema('{"items": [], "paid": false}', ORDER, fenced=True) == Score(1.0)
    assert str(checks.follows_schema(answer, ORDER).reason).endswith("; fenced=True takes it out of its fence")
    assert checks.follows_schema(f"Here it is: {answer}", ORDER, fenced=True).value == 0


def test_data_that_is_parsed_already_is_checked_too() -> None:
    assert checks.follows_schema({"items": [], "paid": True}, ORDER) == Score(1.0)
    assert checks.follows_schema(None, ORDER).reason == "$: None is not of type 'object'"


def test_a_schema_may_be_a_file(tmp_path) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(ORDER), encoding="utf-8")
    assert checks.follows_schema('{"items": [], "paid": true}', path) == Score(1.0)
    assert checks.follows_schema("[]", str(path)).value == 0


def test_the_draft_is_the_one_that_the_schema_names() -> None:
    items = [{"type": "integer"}]
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#", "items": items}
    assert checks.follows_schema('["a"]', draft_7).value == 0
    with pytest.raises(CheckError, match=r"the schema is wrong at \$.items"):
        checks.follows_schema('["a"]', {"items": items})


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number-ish"}, r"the schema is wrong at \$.type: 'number-ish' is not valid"),
        ({"$ref": "https://schemas.example/order.json"}, "refers to 'https://schemas.example/order.json'"),
        ({"$ref": "#/$defs/absent"}, r"refers to '/\$defs/absent', which is not in it"),
        ("absent.json", "no schema in 'absent.json': .*No such file"),
        ({"type": {1}}, "no schema in"),
        (7, "the schema is"),
    ],
)
def test_a_schema_that_is_wrong_is_an_error(schema, words) -> None:
    with pytest.raises(CheckError, match=words):
        checks.follows_schema("{}", schema)


@given(JSON)
def test_whatever_json_holds_equals_itself(data) -> None:
    assert checks.follows_schema(json.dumps(data), {"const": data}) == Score(1.0)
