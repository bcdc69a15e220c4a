"""JSON that follows a schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Sample, Score, checks
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


@pytest.mark.service
@given(JSON)
def test_whatever_json_holds_equals_itself(data) -> None:
    assert checks.follows_schema(json.dumps(data), {"const": data}) == Score(1.0)


def called(*made: tuple[str, Any]) -> Sample:
    """A transcript in which each of these calls is a turn."""
    turns = []
    for number, (name, arguments) in enumerate(made):
        written = arguments if isinstance(arguments, str) else json.dumps(arguments)
        call = {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": written}}
        turns += [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "done"}]
    return Sample("That is all.", messages=({"role": "user", "content": "Hi"}, *turns))


FIND, PAY = ("find", {"to": "Lima", "days": [1, 2], "who": {"age": 7, "name": "Ana"}}), ("pay", {"sum": 20.0})


@pytest.mark.parametrize(
    ("asked", "value", "reason"),
    [
        ({"name": "find"}, 1, None),
        ({"name": "find", "arguments": {"to": "Lima", "who": {"age": 7}}}, 1, None),
        ({"name": "pay", "arguments": {"sum": 20}, "exact": True}, 1, None),
        ({"name": "pay", "arguments": {"sum": True}}, 0, 'no pay({"sum": true}); called: find('),
        ({"name": "find", "arguments": {"days": [1]}}, 0, 'no find({"days": [1]})'),
        ({"name": "find", "arguments": {"who": {"age": 7}}, "exact": True}, 0, 'no find({"who"'),
        ({"name": "find", "extra": "refuse"}, 0, "also called: pay("),
        (
            {"name": ["find", "pay"], "arguments": [{"to": "Bonn"}, None], "extra": "refuse"},
            0,
            'no find({"to": "Bonn"}); also called: find({"to": "Lima"',
        ),
        ({"name": ["pay", "find"]}, 1, None),
        ({"name": ["pay", "find"], "order": True}, 0.5, "in this order; called: find("),
        ({"name": ["find", "pay"], "order": True, "extra": "refuse"}, 1, None),
        ({"name": ["pay", "find"], "order": True, "extra": "refuse"}, 0.5, "in this order; called: find("),
        ({"name": ["find", "lose"], "extra": "refuse"}, 0, "no lose(…); also called: pay("),
        ({"name": ["find", "pay", "pay"], "arguments": [None, {"sum": 20}, None]}, 2 / 3, "no pay(…); called: "),
        ({"name": "pay", "order": ["find", "pay"]}, 1, None),
        ({"name": "pay", "order": ["pay", "find"]}, 0, "not in the order pay, find"),
        ({"name": "pay", "order": ["find", "pay"], "extra": "refuse"}, 1, None),
        ({"name": "pay", "order": ["pay", "pay"], "extra": "refuse"}, 0, "also called: find("),
        ({"name": [], "extra": "refuse"}, 0, "also called: find({"),
    ],
)
def test_the_tools_that_were_called_are_held_against_those_that_should_be(
    asked: dict[str, Any], value: float, reason: str | None
) -> None:
    score = checks.calls(called(FIND, PAY), **asked)
    assert score.value == value
    assert (score.reason is None) if reason is None else (reason in (score.reason or ""))


def test_calls_of_one_tool_are_matched_so_that_as_many_as_can_be_are_met() -> None:
    twice = called(("add", {"a": 1, "b": 2}), ("add", {"a": 1}))
    assert checks.calls(twice, ["add", "add"], [{"a": 1}, {"a": 1, "b": 2}]).value == 1
    assert checks.calls(twice, ["add", "add"], [{"b": 2}, {"b": 2}]).value == 0.5


def test_a_tool_that_the_order_names_twice_may_be_called_twice() -> None:
    found = called(FIND, PAY, FIND)
    for name in ("find", "pay"):
        assert checks.calls(found, name, order=["find", "pay", "find"], extra="refuse").value == 1
        refused = checks.calls(found, name, order=["find", "pay"], extra="refuse")
        assert (refused.value, (refused.reason or "")[:17]) == (0, "also called: find")


def test_an_answer_without_turns_has_its_own_calls_and_arguments_that_are_no_json_meet_none() -> None:
    call = {"function": {"name": "find", "arguments": "{to: Lima"}}
    assert checks.calls(Sample("", tool_calls=(call,)), "find").value == 1
    assert checks.calls(Sample("", tool_calls=(call,)), "find", {"to": "Lima"}).value == 0
    assert checks.calls(Sample("none"), "find").reason == "no find(…); no tool was called"
    assert checks.calls(Sample("none"), [], extra="refuse").value == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("text", "find"), "'text' is no sample; give what model.chat"),
        ((called(FIND), 3), "name = 3 is neither the name of a tool nor a list of names"),
        ((called(FIND), []), 'asks for no call; write extra="refuse"'),
        ((called(FIND), ["find"], [None, None]), r"no list of as many as there are names, 1"),
        ((called(FIND), "find", "Lima"), "arguments = 'Lima' is no dict"),
    ],
)
def test_calls_refuses_what_it_can_not_work_with(given: Any, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        checks.calls(*given)
    with pytest.raises(CheckError, match="'no'"):
        checks.calls(called(FIND), "find", extra="no")  # type: ignore[arg-type]
    with pytest.raises(CheckError, match="order = 'find' is no order; write True, or the names"):
        checks.calls(called(FIND), "find", order="find")
