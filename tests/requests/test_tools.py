"""Functions as tools: what a model is told of them, and what a call of one comes to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import pytest

from harness.errors import ToolError, UsageError
from harness.requests.conversation import Toolbox


@dataclass
class Place:
    city: str
    zone: int = 0


def weather(place: Place, unit: Literal["c", "f"] = "c", **_: Any) -> str:
    return place.city


def look_up(place: Place, days: int = 1, unit: Literal["c", "f"] = "c") -> dict[str, Any]:
    """The weather of a place.

    Args:
        days: how many.
    """
    return {"city": place.city, "days": days, "unit": unit, "place": place}


async def wait(city: str) -> str:
    await asyncio.sleep(0)
    if city == "Ulm":
        raise ToolError("no such city: 'Ulm'; ask for its country")
    if city == "Bonn":
        raise KeyError(city)
    return city.upper()


def reply(toolbox: Toolbox, name: str, arguments: Any) -> str:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    answer = asyncio.run(toolbox.reply(call))  # type: ignore[arg-type]
    assert (answer["role"], answer["tool_call_id"]) == ("tool", "c1")
    return str(answer["content"])


def test_a_function_is_described_by_its_name_docstring_and_signature() -> None:
    (told,) = Toolbox([look_up]).definitions
    function = told["function"]
    assert (told["type"], function["name"]) == ("function", "look_up")
    assert function["description"].startswith("The weather of a place.\n\nArgs:")
    assert function["parameters"]["required"] == ["place"]
    assert function["parameters"]["properties"]["unit"]["enum"] == ["c", "f"]
    assert function["parameters"]["additionalProperties"] is False


def test_arguments_become_what_the_function_takes_and_its_result_is_json_or_a_text() -> None:
    toolbox = Toolbox([look_up, wait])
    given = '{"place": {"city": "Lima"}, "days": "2"}'
    wanted = '{"city":"Lima","days":2,"unit":"c","place":{"city":"Lima","zone":0}}'
    assert reply(toolbox, "look_up", given) == wanted
    assert reply(toolbox, "look_up", {"place": {"city": "Lima"}, "days": 2}) == wanted
    assert reply(toolbox, "wait", '{"city": "Lima"}') == "LIMA"


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("look_down", "{}", "Error: there is no tool 'look_down'. Tools: look_up, wait. Did you mean 'look_up'?"),
        ("wait", "", "Error: city: Field required"),
        ("wait", '{"city": "Ulm"}', "Error: no such city: 'Ulm'; ask for its country"),
        ("wait", "{city", "Error: the arguments are no JSON: "),
        ("wait", "[]", "Error: arguments: Input should be a valid dictionary"),
        ("look_up", '{"place": {"city": "Lima"}, "unit": "k"}', "Error: unit: Input should be 'c' or 'f'"),
        ("wait", '{"city": "Lima", "day": 2}', "Error: day: Extra inputs are not permitted"),
    ],
)
def test_the_model_is_told_what_is_wrong_with_its_call(name: str, arguments: str, told: str) -> None:
    assert reply(Toolbox([look_up, wait]), name, arguments).startswith(told)


def test_what_a_tool_raises_is_an_error_of_the_body() -> None:
    with pytest.raises(KeyError, match="Bonn"):
        reply(Toolbox([wait]), "wait", '{"city": "Bonn"}')


def test_an_assertion_of_a_tool_is_none_of_the_body() -> None:
    def pay(amount: int) -> None:
        assert amount > 0, "nothing to pay"

    with pytest.raises(RuntimeError, match="the tool pay raised AssertionError: nothing to pay"):
        reply(Toolbox([pay]), "pay", '{"amount": 0}')


def unknown(what: object | asyncio.Lock) -> None: ...


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        (wait, "is no list of functions; give some"),
        ([], "is no list of functions"),
        ([partial(wait, "Lima")], "is no function with a name that a model could call"),
        ([lambda city: city], "is no function with a name"),
        ([wait, wait], "Two tools have one name: wait, wait"),
        ([weather], r"The tool weather takes \*\*_.*, which has no name to be called by"),
        ([unknown], "The tool unknown can't be described by its signature"),
    ],
)
def test_what_can_be_no_tool_is_refused(tools: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Toolbox(tools)
