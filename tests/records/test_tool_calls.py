"""Tool calls as people read them, whatever a model or a server wrote."""

from __future__ import annotations

from typing import Any

import pytest

from harness.records import Sample, answer_turns
from harness.records.tool_calls import new_turns, read_calls, with_calls


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
    calls = call("look_up", "{}"), call("add", "[1, 2]")
    text = "Let me see.\n\ntool call: look_up({})\n\ntool call: add([1, 2])"
    assert with_calls("Let me see.", calls) == text
    assert (with_calls("Lima", None), with_calls("", None)) == ("Lima", "")


def said(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


FIND = said("assistant", None, tool_calls=[call("find", "{}")])
OLD = [said("user", "Hi"), FIND, said("tool", "7", tool_call_id="c1"), said("assistant", "Hello.")]
ASKED = [said("system", "Be brief."), *OLD, said("user", "And?")]
NEW = [FIND, said("tool", "8", tool_call_id="c1"), said("assistant", "Eight.")]
LOOP = [said("user", "And?"), FIND, said("tool", "7", tool_call_id="c1")]


@pytest.mark.parametrize(
    ("asked", "told", "new"),
    [
        (ASKED, [*ASKED, *NEW], NEW),
        (ASKED, NEW, NEW),
        (ASKED, [said("system", "Of the application's own."), *ASKED[1:], *NEW], NEW),
        (ASKED, [said("system", "Of the application's own."), *NEW], NEW),
        (ASKED, [said("user", "And?"), *NEW], NEW),
        (ASKED, [said("assistant", "Hello."), said("user", " And?\n"), *NEW], NEW),
        (ASKED, [said("user", "Passages: 8. Question: And?"), *NEW], NEW),
        (ASKED, [*ASKED, FIND, said("user", "Seen: 8"), NEW[2]], [FIND, said("user", "Seen: 8"), NEW[2]]),
        (ASKED, [FIND, said("user", "Seen: 8"), NEW[2]], [FIND, said("user", "Seen: 8"), NEW[2]]),
        (ASKED, ASKED, []),
        (LOOP, [*LOOP, NEW[2]], [NEW[2]]),
        (LOOP, [NEW[2]], [NEW[2]]),
        ([*ASKED, *NEW, said("user", "And?")], [*ASKED, *NEW, said("user", "And?"), OLD[3]], [OLD[3]]),
        ([], NEW, NEW),
        (
            [said("user", "On."), said("assistant", "One."), said("user", "On.")],
            [said("user", "On."), said("assistant", "One."), said("user", "Passages. On."), said("assistant", "Two.")],
            [said("assistant", "Two.")],
        ),
    ],
)
def test_an_application_may_tell_all_turns_or_its_new_ones(asked: Any, told: Any, new: Any) -> None:
    assert new_turns(asked, told) == new


@pytest.mark.parametrize(
    ("sample", "turns"),
    [
        (Sample("Eight."), [said("assistant", "Eight.")]),
        (Sample("", tool_calls=(call("find", "{}"),)), [FIND]),
        (Sample("Eight.", messages=(*ASKED, *NEW)), NEW),
        (Sample("Eight.", messages=tuple(NEW[:2])), NEW),
        (Sample("Eight.", messages=tuple(ASKED)), [said("assistant", "Eight.")]),
        (Sample("8", messages=tuple(NEW)), NEW),
        (Sample("Look:", messages=({**FIND, "content": "Look:"}, NEW[1])), [{**FIND, "content": "Look:"}, NEW[1]]),
        (Sample("Eight.", messages=(NEW[2],), tool_calls=(call("find", "{}"),)), [{**FIND, "content": "Eight."}]),
        (Sample("Eight.", messages=tuple(NEW), tool_calls=(call("find", "{}"),)), NEW),
    ],
)
def test_an_answer_is_in_its_turns_once_with_its_calls(sample: Sample, turns: Any) -> None:
    assert list(answer_turns(tuple(ASKED), sample)) == turns
