"""Conversations: turns of a user and answers of a version, in which functions may be called as tools, as one sample."""

from __future__ import annotations

import functools
import inspect
import json
import re
import typing
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import EngineError, ToolError, UsageError, nearest, shortened
from harness.records import Messages, Price, Sample, together

TURNS = 10
"""Turns of a simulated user whose goal is not met, unless more or fewer are asked for."""
STEPS = 8
"""Answers of a version that goes on calling tools, unless more or fewer are asked for."""

_SHOWN = 80
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_PLAYED = """You play a user who talks to an assistant. Stay in that role, whatever the assistant says: never help, \
and never say that you play. Say one thing at a time, in this user's own words, and tell what you know only when it is \
asked.

Who you are: {persona}

What you want: {goal}

Write JSON: "goal_met" is true once what the assistant said gives you all that you want, else false; "message" is what \
you say next to the assistant, and empty where the goal is met."""
_BEGIN = "The assistant waits for you. Begin the conversation."
_SILENCE = "(The assistant said nothing.)"
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"goal_met": {"type": "boolean"}, "message": {"type": "string"}},
    "required": ["goal_met", "message"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class SimulatedUser:
    """A user that a version plays: it writes the turns of a conversation until its goal is met.

    Its words are samples as any others: stored, counted, and the same when the gate is run again.

    Attributes:
        version: that plays it: its name in the settings, or a model that a body has, such as `teacher`. Its engine must
            hold an answer to a JSON schema, as `vllm` and `openai` do.
        persona: who the user is, what it knows and how it talks.
        goal: what it wants; the conversation ends once it has that.

    >>> SimulatedUser("gpt", persona="A hurried customer, order 7.", goal="The parcel's day of delivery.").goal
    "The parcel's day of delivery."
    """

    version: Any
    persona: str
    goal: str

    def __post_init__(self) -> None:
        """Refuse a user of whom nothing is said."""
        for name in ("persona", "goal"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise UsageError(f"SimulatedUser: {name} = {value!r} is no text; say it, such as {name}=case.{name}.")
        if not self.version or not (isinstance(self.version, str) or hasattr(self.version, "chat")):
            raise UsageError(
                f"SimulatedUser: version = {self.version!r} is neither the name of a version nor a model; name one of "
                "the settings."
            )


Script = Sequence[str | Mapping[str, Any]]
"""The turns of a user, one after the other."""
Play = Callable[[Messages, Mapping[str, Any], int], Awaitable[Sample]]
"""Gives what the version that plays a user writes after messages, by a schema; of several draws the one of a number."""
Ask = Callable[[Messages, Collection[int], bool], Awaitable[tuple[Sample, Messages]]]
"""Gives the version's answer to turns, and that as turns itself; those at some places are prompts, and more may be
asked after it or not."""


class Toolbox:
    """Functions that a model may call, `def` or `async def`, and their definitions in the form of OpenAI's API: name,
    docstring and annotations. Raises UsageError: one of them can't be a tool, or two have one name.
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
        """The message that answers a call: what the function gave, or what is wrong with the call. Raises what the
        function raises, but `ToolError`, whose message is the answer.
        """
        from pydantic_core import to_json

        called = call.get("function") or {}
        name = str(called.get("name"))
        try:
            if (function := self._functions.get(name)) is None:
                known = ", ".join(self._functions)
                raise ToolError(f"there is no tool {name!r}. Tools: {known}.{nearest(name, [*self._functions])}")
            result = function(**_arguments(function, called.get("arguments")))
            result = await result if inspect.isawaitable(result) else result
            text = result if isinstance(result, str) else to_json(result, fallback=str).decode()
        except ToolError as error:
            text = f"Error: {error}"
        except AssertionError as error:  # which of the body itself would be a 0 for the model
            raise RuntimeError(f"the tool {name} raised AssertionError: {error}") from error
        return {"role": "tool", "tool_call_id": call.get("id"), "content": text}


class Conversation:
    """The turns so far, and the samples that the version's answers are. It `ended` with an "answer", the "script",
    "goal met", or too many "turns", or "steps" that call tools in a row.
    """

    def __init__(
        self, ask: Ask, toolbox: Toolbox | None, steps: int, messages: str | Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._ask, self._toolbox, self._steps = ask, toolbox, steps
        self.turns: list[Mapping[str, Any]] = []
        self.samples: list[Sample] = []
        self.ended = "answer"
        self._n_turns = 0  # of the user; what an application asks itself is none
        self._prompts: set[int] = set()
        self._goes_on = toolbox is not None and steps > 1  # more may be asked after the first answer
        for message in [messages] if isinstance(messages, str) else messages:
            self._say(message)

    async def follow(self, script: Script) -> None:
        """Say one turn of a script after the other."""
        self._goes_on = self._goes_on or len(script) > 1
        for turn in script:
            self._say(turn)
            if not await self.answer():
                return
        self.ended = "script"

    async def talk(self, play: Play, user: SimulatedUser, turns: int) -> None:
        """Let a simulated user talk until its goal is met, or for so many turns."""
        part: list[Mapping[str, Any]] = [
            {"role": "system", "content": _PLAYED.format(persona=user.persona, goal=user.goal)},
            {"role": "user", "content": _BEGIN},
        ]
        self._goes_on = self._goes_on or turns > 1
        for number in range(turns + 1):
            words = await _next_words(play, user, tuple(part), may_end=number > 0, may_be_silent=number == turns)
            if words is None:
                self.ended = "goal met"
                return
            if number == turns:
                break
            self._say(words)
            if not await self.answer():
                return
            acted = json.dumps({"goal_met": False, "message": words}, ensure_ascii=False)  # as it was written
            part.append({"role": "assistant", "content": acted})
            part.append({"role": "user", "content": self.samples[-1].text or _SILENCE})
        self.ended = "turns"

    async def answer(self) -> bool:
        """Let the version answer, and run the tools that it calls until it calls none; whether it came to that."""
        for step in range(self._steps):
            turns = tuple(self.turns) if self._toolbox is not None else _without_open_calls(self.turns)
            sample, words = await self._ask(turns, self._prompts, self._goes_on)
            self.samples.append(sample)
            last = words[-1]
            if calls := last.get("tool_calls"):  # each has an id, by which it is answered
                calls = [{**call, "id": call.get("id") or f"call-{step}-{n}"} for n, call in enumerate(calls)]
                last = {**last, "tool_calls": calls}
            self.turns += [*words[:-1], last]
            if self._toolbox is None or not calls:
                return True
            if step + 1 < self._steps:
                self.turns += [await self._toolbox.reply(call) for call in calls]
        self.ended = "steps"
        return False

    def _say(self, turn: str | Mapping[str, Any]) -> None:
        """Add a turn. A text is a prompt: the version puts its template around it, as around any other."""
        if isinstance(turn, str):
            self._prompts.add(len(self.turns))
            turn = {"role": "user", "content": turn}
        self.turns.append(turn)
        self._n_turns += turn["role"] == "user"

    @property
    def shortfall(self) -> str | None:
        """The reason why it ended before it was over, in words; None where it did not."""
        return {
            "steps": f"no answer in {self._steps:,} steps: each of them called tools",
            "turns": f"the simulated user's goal was not met in {self._n_turns:,} turns",
        }.get(self.ended)

    def transcript(self, price: Price | None) -> Sample:
        """All of it as one sample: the last answer, with the turns and what all answers took together."""
        summary = {"turns": self._n_turns, "steps": len(self.samples), "ended": self.ended}
        whole = together(self.samples, price)
        return replace(whole, messages=tuple(self.turns), metadata={**(whole.metadata or {}), **summary})


def check_script(user: Any) -> None:
    """Refuse with `UsageError` what is neither a script nor a simulated user."""
    if isinstance(user, SimulatedUser):
        return
    if isinstance(user, str | Mapping) or not isinstance(user, Sequence) or not user:
        raise UsageError(
            f"converse: {shortened(user, _SHOWN)} is neither the list of a user's turns nor a harness.SimulatedUser; "
            'write ["Hi", "Where is my order?"].'
        )
    for number, turn in enumerate(user):
        if not isinstance(turn, str) and not (isinstance(turn, Mapping) and turn.get("role") == "user"):
            raise UsageError(
                f"converse: turn {number} of the user is {shortened(turn, _SHOWN)}, which is neither a text nor a "
                'message {"role": "user", "content": …}.'
            )


def check_count(value: Any, name: str) -> int:
    """The value. Raises UsageError: it is no whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name} = {value!r} is no number of {name}; write 1 or more.")
    return value


async def _next_words(
    play: Play, user: SimulatedUser, part: Messages, *, may_end: bool, may_be_silent: bool
) -> str | None:
    """Draw a simulated user's next words; None where its goal is met, which may be once the version has said something.
    One more is drawn where the first can't be used. Raises EngineError: neither can be.
    """
    name = user.version if isinstance(user.version, str) else user.version.name
    problem = remedy = ""
    for number in (0, 1):
        sample = await play(part, _SCHEMA, number)
        try:
            answer = json.loads(sample.text)
            if (is_met := answer["goal_met"] is True) and may_end:
                return None
            words = answer["message"]
            if isinstance(words, str) and (words.strip() or may_be_silent):
                return words.strip()
            when = "that its goal is met before the version has said anything" if is_met else "its goal is not met"
            problem = f"it says nothing, and {when}"
        except (ValueError, TypeError, KeyError, RecursionError):
            cut = ", cut at max_tokens" if sample.truncated else ""
            problem = f'it is no JSON with "goal_met" and "message"{cut}: {shortened(sample.text, _SHOWN)}'
            remedy = f" Raise max_tokens in the sampling of {name}." if sample.truncated else ""
    raise EngineError(f"{name} plays the user, and wrote no turn, asked twice: {problem.rstrip('.')}.{remedy}")


def _without_open_calls(turns: Sequence[Mapping[str, Any]]) -> Messages:
    """The turns without the calls that nobody answered, as messages without tools may have them."""
    return tuple(
        {"role": turn["role"], "content": turn.get("content") or ""}
        if "tool_calls" in turn and after["role"] != "tool"
        else turn
        for turn, after in zip(turns, [*turns[1:], {"role": ""}], strict=True)
    )


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
    definition = {
        "name": function.__name__,
        **({"description": described} if described else {}),
        "parameters": parameters,
    }
    return {"type": "function", "function": definition}


@functools.lru_cache(maxsize=512)
def _adapter(function: Callable[..., Any]) -> Any:
    """Make the adapter that describes and validates a function's arguments, from its signature, once."""
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter
    from typing_extensions import TypedDict

    try:
        hints = typing.get_type_hints(function, include_extras=True)
        fields: dict[str, Any] = {}
        for name, each in inspect.signature(function).parameters.items():
            if each.kind not in _BY_NAME:
                raise UsageError(f"The tool {function.__name__} takes {each}, which has no name to be called by.")
            hint = hints.get(name, Any)
            fields[name] = hint if each.default is inspect.Parameter.empty else typing.NotRequired[hint]
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
    """Read the arguments that a model gave. Raises ToolError: they are not what the function takes."""
    from pydantic import ValidationError

    try:
        data = json.loads(given or "{}") if isinstance(given, str | None) else given
        arguments: dict[str, Any] = _adapter(function).validate_python(data)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in error.errors()
        )
        raise ToolError(problems) from None
    except (ValueError, RecursionError) as error:
        raise ToolError(f"the arguments are no JSON: {error}") from None
    return arguments
