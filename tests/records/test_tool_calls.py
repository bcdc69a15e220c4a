"""Tool calls as people read them, whatever a model or a server wrote."""

from __future__ import annotations

from typing import Any

import pytest

from harness.records import Sample
from harness.records.tool_calls import read_calls, with_calls


def call(name: Any, arguments: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("written", "name", "arguments"),
    [
        (call("look_up", '{"city":"Lima"}'), "look_up", '{"city": "Lima"}'),
        (call("look_up", {"city": "Lima"}), "look_up", '{"city": "Lima"}'),
        (call("look_up", ""), "look_up", ""),
        (call("look_up", "no JSON {"), "look_up", "no JSON {"),
        (call("look_up", "1" * 5000), "look_up", "1" * 5000),
        (call("look_up", "[" * 60_000), "look_up", "[" * 60_000),
        (
            call(None, "{}"),
            "(no name)",
            '{"id": "c1", "type": "function", "function": {"name": null, "arguments": "{}"}}',
        ),
        ("a text", "(no name)", '"a text"'),
    ],
)
def test_a_call_has_a_name_and_arguments(written: Any, name: str, arguments: str) -> None:
    (found,) = read_calls([written])
    assert (found.name, "".join(found.arguments.split())) == (name, "".join(arguments.split()))


def test_long_arguments_stand_on_lines_of_their_own() -> None:
    (found,) = read_calls([call("write", {"path": "a" * 50, "text": "b" * 50})])
    assert found.arguments.startswith('{\n  "path": "aaa')


def test_an_answer_is_its_text_and_its_calls() -> None:
    sample = Sample("Let me see.", tool_calls=(call("look_up", "{}"), call("add", "[1, 2]")))
    assert sample.said == "Let me see.\n\ntool call: look_up({})\n\ntool call: add([1, 2])"
    assert (Sample("Lima").said, with_calls("", None)) == ("Lima", "")
