"""Functions as the tools of a model: how they are defined to it, and what a call of one comes to."""

from __future__ import annotations

import functools
import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import ToolError, UsageError, nearest

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Toolbox:
    """Functions that a model may call.

    Args:
        functions: `def` or `async def`. Name, docstring and annotations are what the model is told of each.

    Attributes:
        definitions: of the tools, in the form of OpenAI's API.

    Raises:
        UsageError: one of them can't be a tool, two have one name, or pydantic is not installed.
    """

    def __init__(self, functions: Sequence[Callable[..., Any]]) -> None:
        if callable(functions) or not isinstance(functions, Sequence) or not functions:
            raise UsageError(f"tools = {functions!r} is no list of functions; give some, such as [get_weather].")
        self._functions = {_name_of(function): function for function in functions}
        if len(self._functions) < len(functions):
            names = ", ".join(map(_name_of, functions))
            raise UsageError(f"Two tools have one name: {names}. A model calls a tool by its name; rename one.")
        self.definitions: tuple[Mapping[str, Any], ...] = tuple(map(_definition, functions))

    async def reply(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """The message that answers a call: what the function gave, or what is wrong with the call.

        Raises:
            RuntimeError: the function failed an assertion.
            Exception: whatever else it raises, but `ToolError`, whose message is the answer.
        """
        try:
            text = _written(await self._result(call.get("function") or {}))
        except ToolError as error:
            text = f"Error: {error}"
        return {"role": "tool", "tool_call_id": call.get("id"), "content": text}

    async def _result(self, called: Mapping[str, Any]) -> Any:
        name = str(called.get("name"))
        function = self._functions.get(name)
        if function is None:
            known = ", ".join(self._functions)
            raise ToolError(f"there is no tool {name!r}. Tools: {known}.{nearest(name, [*self._functions])}")
        arguments = _arguments(function, called.get("arguments"))
        try:
            result = function(**arguments)
            return await result if inspect.isawaitable(result) else result
        except AssertionError as error:  # which of the body itself would be a 0 for the model
            raise RuntimeError(f"the tool {name} raised AssertionError: {error}") from error


def _name_of(function: Any) -> str:
    name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"tools holds {function!r}, which is no function with a name that a model could call; write it as a `def`."
        )
    return name


def _definition(function: Callable[..., Any]) -> Mapping[str, Any]:
    parameters = {key: value for key, value in _adapter(function).json_schema().items() if key != "title"}
    described = inspect.getdoc(function)
    told = {"name": function.__name__, **({"description": described} if described else {}), "parameters": parameters}
    return {"type": "function", "function": told}


@functools.lru_cache(maxsize=512)
def _adapter(function: Callable[..., Any]) -> Any:
    """Make the adapter that describes and validates a function's arguments, from its signature, once."""
    from typing import NotRequired

    from pydantic import ConfigDict, PydanticUserError, TypeAdapter
    from typing_extensions import TypedDict

    try:
        hints = typing.get_type_hints(function, include_extras=True)
        fields: dict[str, Any] = {}
        for name, each in inspect.signature(function).parameters.items():
            if each.kind not in _BY_NAME:
                raise UsageError(f"The tool {function.__name__} takes {each}, which has no name to be called by.")
            hint = hints.get(name, Any)
            fields[name] = hint if each.default is inspect.Parameter.empty else NotRequired[hint]
        arguments = TypedDict("arguments", fields)  # type: ignore[misc]
        arguments.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
        adapter = TypeAdapter(arguments)
        adapter.json_schema()
    except (NameError, TypeError, PydanticUserError) as error:
        raise UsageError(
            f"The tool {function.__name__} can't be described by its signature: {error}. Annotate what it takes with "
            "types that JSON has: str, int, float, bool, lists and dicts of these, Literal, a dataclass."
        ) from error
    return adapter


def _arguments(function: Callable[..., Any], given: Any) -> dict[str, Any]:
    """Read the arguments that a model gave, as the function takes them.

    Raises:
        ToolError: they are no JSON object, or not what the function takes.
    """
    from pydantic import ValidationError

    try:
        data = json.loads(given or "{}") if isinstance(given, str | None) else given
        found: dict[str, Any] = _adapter(function).validate_python(data)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in error.errors())
        raise ToolError(told) from None
    except (ValueError, RecursionError) as error:
        raise ToolError(f"the arguments are no JSON: {error}") from None
    return found


def _written(result: Any) -> str:
    if isinstance(result, str):
        return result
    from pydantic_core import to_json

    return str(to_json(result, fallback=str).decode())
