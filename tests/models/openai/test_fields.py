"""Fields of an answer have the type that they must have, or are refused by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.models.openai.fields import is_same_model, logarithm, optional_text, position, text, tool_calls

CALL = {"function": {"name": "weather", "arguments": "{}"}}


def test_a_choice_without_an_index_is_the_first() -> None:
    assert [position(value) for value in (None, 0, 3)] == [0, 0, 3]


@pytest.mark.parametrize(("value", "kind"), [("1", "str"), (True, "bool"), (1.0, "float")])
def test_an_index_of_another_type_is_refused(value: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"index is {kind}, not a whole number"):
        position(value)


def test_a_text_that_is_missing_or_of_another_type_is_named() -> None:
    assert (text("", "content"), optional_text(None, "content")) == ("", None)
    with pytest.raises(TypeError, match="content is missing, not a text"):
        text(None, "content")
    with pytest.raises(TypeError, match="content is list, not a text"):
        optional_text([], "content")


def test_minus_infinity_is_a_log_probability_and_infinity_none() -> None:
    assert logarithm(-math.inf) == -math.inf
    assert logarithm(-1) == -1.0
    for value in (math.inf, math.nan):
        with pytest.raises(ValueError, match="a log probability is"):
            logarithm(value)
    with pytest.raises(TypeError, match="a log probability is bool, not a number"):
        logarithm(True)


def test_tool_calls_are_kept_as_they_were_written() -> None:
    assert tool_calls(None) == ()
    assert tool_calls([CALL, {"custom": {"name": "run"}}]) == (CALL, {"custom": {"name": "run"}})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "is not a list of objects"),
        (["call"], "is not a list of objects"),
        ([{}], "has no function"),
        ([{"function": {"name": 1}}], "the name of a tool call's function is int"),
    ],
)
def test_tool_calls_of_another_form_are_refused(value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        tool_calls(value)


def test_a_provider_or_a_folder_before_a_name_makes_no_other_model() -> None:
    assert is_same_model("/models/Small/", "small")
    assert not is_same_model("small", "small-2")
