"""Messages, calls and passages of other libraries take the form of OpenAI's API."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace as Thing

import numpy as np
import pytest

from harness.models.application.messages import message_of, passages_of, plain, shown, text_of, tool_calls_of


def test_values_become_what_json_holds() -> None:
    value = {
        "n": np.float64(0.5),
        "a": np.arange(2),
        "d": date(2026, 11, 27),
        "s": {2, 1},
        "t": (1,),
        "o": Ellipsis,
        "x": float("nan"),
    }
    assert plain(value) == {
        "n": 0.5,
        "a": [0, 1],
        "d": "2026-11-27",
        "s": [1, 2],
        "t": [1],
        "o": "Ellipsis",
        "x": "NaN",
    }


def test_a_message_that_has_the_form_is_kept() -> None:
    turn = {"role": "tool", "content": "At nine.", "tool_call_id": "c1", "name": "find"}
    assert message_of(turn) == turn


def test_roles_of_langchain() -> None:
    result = Thing(type="tool", content="At nine.", tool_call_id="c1", additional_kwargs={})
    assert message_of(result) == {"role": "tool", "content": "At nine.", "tool_call_id": "c1"}
    assert message_of(Thing(type="human", content="Hi"))["role"] == "user"
    assert message_of(Thing(type="system", content="Be brief."))["role"] == "system"


@pytest.mark.parametrize("arguments", [{"q": "Öl"}, '{"q": "Öl"}'])
def test_a_call_has_its_arguments_as_json(arguments: object) -> None:
    assert tool_calls_of([{"name": "find", "arguments": arguments}]) == [
        {"type": "function", "function": {"name": "find", "arguments": '{"q": "Öl"}'}}
    ]


def test_the_text_of_parts() -> None:
    assert (
        text_of(["a", {"type": "text", "text": "b"}, {"type": "image_url"}, Thing(type="output_text", text="c")])
        == "abc"
    )
    assert text_of(None) == ""


def test_a_passage_without_an_id_has_that_of_its_metadata_or_its_place() -> None:
    documents = [Thing(page_content="a", metadata={"source": "a.md"}), Thing(page_content="b", metadata={})]
    assert passages_of(documents) == [{"source": "a.md", "id": "a.md", "text": "a"}, {"id": "2", "text": "b"}]


def test_what_is_long_is_cut() -> None:
    assert len(shown("x" * 1_000)) == 80
