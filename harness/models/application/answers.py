"""Reads what an application returned: a text, a dict, or a message of OpenAI's form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, Field, StrictStr, ValidationError

from harness.errors import FailedDrawError, nearest, shortened
from harness.models.application.worker import UNREADABLE, WAY_OUT
from harness.records import Messages, Sample, answer_turns
from harness.records.tool_calls import new_turns


def _turn(message: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(message.get("role"), str):
        raise ValueError(f"the message {shortened(message)} has no role; give role and content")  # noqa: TRY004  as pydantic has it
    if not isinstance(calls := message.get("tool_calls"), list | None):
        raise ValueError(f"the tool_calls of a message are {shortened(calls)}, not a list")  # noqa: TRY004  as pydantic has it
    return message


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool in OpenAI's form, from that form or from its name and arguments."""
    function = call.get("function", call)
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise ValueError(f"the call of a tool {shortened(call)} has no name; give name and arguments")  # noqa: TRY004  as pydantic has it
    arguments = function.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    known = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
    return {**known, "type": "function", "function": {"name": function["name"], "arguments": text}}


def _passage(passage: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(passage.get("text"), str):
        raise ValueError(f"the passage {shortened(passage)} has no text; give id and text")  # noqa: TRY004  as pydantic has it
    return passage


def _of_text(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


_Count = Annotated[int, Field(strict=True, ge=0)]
_Table = dict[str, Any]


class _Usage(BaseModel):
    """Tokens read and written, by both names that OpenAI's APIs give them."""

    prompt_tokens: _Count | None = Field(None, validation_alias=AliasChoices("prompt_tokens", "input_tokens"))
    completion_tokens: _Count | None = Field(None, validation_alias=AliasChoices("completion_tokens", "output_tokens"))


class _Answer(BaseModel, extra="forbid"):
    """The fields that a returned dict may hold."""

    text: StrictStr | None = None
    messages: list[Annotated[_Table, AfterValidator(_turn)]] | None = None
    tool_calls: list[Annotated[_Table, AfterValidator(_call)]] | None = None
    context: list[Annotated[_Table, BeforeValidator(_of_text), AfterValidator(_passage)]] | None = None
    usage: _Usage | None = None
    cost: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] | None = None
    metadata: _Table | None = None
    reasoning: StrictStr | None = None
    finish_reason: StrictStr | None = None


_FIELDS = tuple(_Answer.model_fields)


def read_answer(value: Any, asked: Messages, who: str) -> Sample:
    """Read what an application returned, as JSON holds it.

    Args:
        asked: the messages that it was asked with.
        who: was asked, in messages.

    Raises:
        FailedDrawError: it is no answer; with what to return.
    """
    if value is None:
        raise FailedDrawError(f'{who} returned None; {WAY_OUT}. An answer that is empty is "".', UNREADABLE)
    try:
        return _sample(_Answer.model_validate(_fields(value)), asked)
    except ValueError as error:
        message = _error_text(error) if isinstance(error, ValidationError) else str(error)
        raise FailedDrawError(f"{who} returned {shortened(value)}: {message}.", UNREADABLE) from None


def _fields(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {"text": value}
    if "choices" in value:
        raise ValueError("it is a completion; return its message, choices[0].message")
    if "role" in value and "content" in value:
        return {"text": _text_of(value["content"]), "tool_calls": value.get("tool_calls")}
    return dict(value)


def _sample(answer: _Answer, asked: Messages) -> Sample:
    text, calls, turns = answer.text, answer.tool_calls, answer.messages
    if turns is not None:
        texts = [turn.get("content") for turn in turns if turn["role"] == "assistant"]
        text = _text_of(texts[-1]) if text is None and texts else text
        if calls is None:
            made = (_Answer(tool_calls=turn.get("tool_calls")).tool_calls for turn in new_turns(asked, turns))
            calls = [call for each in made for call in each or ()]
    if text is None and not calls:
        raise ValueError(f"it has no text; {WAY_OUT}")
    read = enumerate(answer.context or (), 1)
    passages = tuple({**passage, "id": str(passage.get("id", place))} for place, passage in read)
    given = answer.model_dump(include={"cost", "metadata", "reasoning", "finish_reason"}, exclude_none=True)
    usage = {} if answer.usage is None else answer.usage.model_dump()
    context = None if answer.context is None else passages
    sample = Sample(text or "", tool_calls=tuple(calls or ()) or None, context=context, **given, **usage)
    if turns is None:
        return sample
    return replace(sample, messages=(*asked, *answer_turns(asked, replace(sample, messages=tuple(turns)))))


def _text_of(content: Any) -> str:
    """The text of a message's content: itself, or that of its parts; "" where it has none."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, Mapping))


def _error_text(error: ValidationError) -> str:
    """Say what is wrong with the first field that is."""
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        near = nearest(name, _FIELDS) or " Put what else there is into metadata"
        return f"{name!r} is no field of an answer ({', '.join(_FIELDS[:7])}).{near}"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    return f"{name} is {shortened(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}"
