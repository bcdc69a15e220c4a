"""Checks of an answer's structure: JSON that follows a schema, and the tools that are called with what arguments."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, get_args

from harness.errors import CheckError, choices
from harness.records import Sample, Score
from harness.records.tool_calls import ToolCall, read_calls
from harness.scoring.checks.given import import_library, shown

Extra = Literal["allow", "refuse"]
Arguments = Mapping[str, Any] | None

_FENCE = re.compile(r"\s*```[ \t]*(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
_LONGEST = 200
_MOST_ERRORS = 1000


def follows_schema(answer: Any, schema: Mapping[str, Any] | str | Path, *, fenced: bool = False) -> Score:
    """1 where the answer is JSON that follows a JSON schema.

    Args:
        answer: the text, or data that is parsed already, as `model.structured` gives it.
        schema: the schema, or the path of a file with it. `$schema` in it says which draft, else the newest. References
            are looked up within it alone, and `format` is a remark, as the drafts have it.
        fenced: whether the text may be one fenced block (```json … ```), which is taken out.

    Raises:
        CheckError: the schema is none, or jsonschema is not installed.

    >>> person = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    >>> follows_schema('{"age": 7}', person).value
    1.0
    >>> follows_schema('{"age": "7"}', person).reason
    "$.age: '7' is not of type 'integer'"
    """
    try:
        text = Path(schema).read_text(encoding="utf-8") if isinstance(schema, str | Path) else json.dumps(schema)
    except (OSError, TypeError, ValueError) as error:
        raise CheckError(f"follows_schema: no schema in {shown(schema)}: {error}.") from None
    validator, data = _validator(text), answer
    from referencing.exceptions import Unresolvable

    try:
        if isinstance(answer, str):
            block = _FENCE.fullmatch(answer)
            try:
                data = json.loads(block[1] if block and fenced else answer, parse_constant=_refuse_constant)
            except ValueError as error:
                hint = "; fenced=True takes it out of its fence" if block and not fenced else ""
                return Score(0.0, f"no JSON ({error}): {shown(answer)}{hint}")
        errors = list(itertools.islice(validator.iter_errors(data), _MOST_ERRORS))
    except Unresolvable as error:
        raise CheckError(f"follows_schema: the schema refers to {error.ref!r}, which is not in it.") from None
    except RecursionError:
        return Score(0.0, "nested too deeply to be checked")
    if not errors:
        return Score(1.0)
    worst = import_library("jsonschema", "follows_schema").exceptions.best_match(errors)
    least = "at least " if len(errors) == _MOST_ERRORS else ""
    more = f" ({least}{len(errors) - 1} more)" if len(errors) > 1 else ""
    return Score(0.0, f"{worst.json_path}: {_cut(worst.message)}{more}")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


@functools.lru_cache(maxsize=128)
def _validator(text: str) -> Any:
    jsonschema = import_library("jsonschema", "follows_schema")
    from referencing import Registry

    try:
        schema = json.loads(text)
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise CheckError(f"follows_schema: the schema is wrong at {error.json_path}: {_cut(error.message)}") from None
    except (ValueError, TypeError) as error:
        raise CheckError(f"follows_schema: the schema is no JSON: {error}.") from None
    return kind(schema, registry=Registry())


class _WantedCall(NamedTuple):
    """A call that there should be: `arguments` that it should have, None for any; others only where not `is_exact`."""

    name: str
    arguments: Arguments
    is_exact: bool

    def __str__(self) -> str:
        given = "…" if self.arguments is None else json.dumps(self.arguments, ensure_ascii=False, default=str)
        return f"{self.name}({given})"

    def is_met_by(self, call: ToolCall) -> bool:
        """Tell whether a call is this one."""
        if call.name != self.name or self.arguments is None:
            return call.name == self.name
        try:
            given = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            return False
        return _holds(given, self.arguments, is_exact=self.is_exact)


def calls(
    sample: Sample | Sequence[Mapping[str, Any]],
    name: str | Sequence[str],
    arguments: Arguments | Sequence[Arguments] = None,
    *,
    exact: bool = False,
    order: bool | Sequence[str] = False,
    extra: Extra = "allow",
) -> Score:
    """1 where the tools were called that should be; of several the share that were.

    Args:
        sample: an answer with `tool_calls`, a transcript, in all of whose turns calls count, or a list of messages.
        name: of the tool, or of several, of which a name that is there twice is to be called twice. An empty list with
            `extra="refuse"` stands for no call at all.
        arguments: that the call should have; it may have more, in objects within them too. For several names a list,
            with None where any will do. Compared as JSON: 2 and 2.0 are equal, a list is equal to one as long as it.
        exact: whether the call may have no other arguments.
        order: whether several are to be called in the order of their names; or the names in the order, where `name` is
            another. Other calls may lie between.
        extra: "refuse" gives 0 where there is a call beside those and what `order` names, such as one with other
            arguments.

    Raises:
        CheckError: no sample, no name, or arguments that are none.

    >>> flight = {"function": {"name": "book", "arguments": '{"seat": 3, "meal": "none"}'}}
    >>> calls(Sample("", tool_calls=(flight,)), "book", {"seat": 3}).value
    1.0
    >>> calls(Sample("", tool_calls=(flight,)), "book", {"seat": 3}, exact=True).reason
    'no book({"seat": 3}); called: book({"seat": 3, "meal": "none"})'
    """
    made, wanted = _made(sample), _wanted(name, arguments, exact)
    if extra not in get_args(Extra):
        raise CheckError(f"calls: {choices('extra', str(extra), get_args(Extra), 'choices of extra')}")
    if isinstance(order, str) or not isinstance(order, bool | Sequence):
        raise CheckError(f"calls: order = {order!r} is no order; write True, or the names of the tools in their order.")
    if not wanted and extra == "allow":
        raise CheckError('calls: name = [] asks for no call; write extra="refuse" where there should be none.')
    met = _in_order(wanted, made) if order is True else _in_any_order(wanted, made)
    calls_made = f"; called: {_listed(made)}" if made else "; no tool was called"
    if extra == "refuse":
        named = Counter() if isinstance(order, bool) else Counter(order)
        others = (named - Counter(one.name for one in wanted)).elements()
        known = _in_any_order((*wanted, *_wanted([*others], None, False)), made)
        if beside := [call for at, call in enumerate(made) if at not in known.values()]:
            lacking = [str(each) for number, each in enumerate(wanted) if number not in known]
            no = f"no {', '.join(lacking)}; " if lacking else ""
            return Score(0.0, f"{no}also called: {_listed(beside)}")
    missing = [str(each) for number, each in enumerate(wanted) if number not in met]
    if missing:
        late = " in this order" if order is True else ""
        return Score((len(wanted) - len(missing)) / len(wanted), f"no {', '.join(missing)}{late}{calls_made}")
    if not isinstance(order, bool):
        lacking = [each for each in order if each not in {call.name for call in made}]
        ordered = _wanted(order, None, False)
        if lacking or len(_in_order(ordered, made)) < len(ordered):
            return Score(0.0, f"not in the order {', '.join(order)}{calls_made}")
    return Score(1.0)


def _listed(made: Sequence[ToolCall]) -> str:
    return ", ".join(f"{call.name}({call.arguments})" for call in made)


def _made(sample: Any) -> tuple[ToolCall, ...]:
    """The calls of a sample, or of all turns of a transcript."""
    messages = sample.messages or () if isinstance(sample, Sample) else sample
    if not isinstance(messages, Sequence) or not all(isinstance(each, Mapping) for each in messages):
        raise CheckError(
            f"calls: {shown(sample)} is no sample; give what model.chat, model.loop or model.converse gives, which has "
            "the calls beside the text."
        )
    of_turns = tuple(call for message in messages for call in read_calls(message.get("tool_calls")))
    return of_turns or (read_calls(sample.tool_calls) if isinstance(sample, Sample) else ())


def _wanted(name: Any, arguments: Any, exact: bool) -> tuple[_WantedCall, ...]:
    names = [name] if isinstance(name, str) else name
    if not isinstance(names, Sequence) or not all(isinstance(each, str) and each for each in names):
        raise CheckError(f"calls: name = {shown(name)} is neither the name of a tool nor a list of names.")
    given = [arguments] * len(names) if isinstance(name, str) or arguments is None else arguments
    if not isinstance(given, Sequence) or len(given) != len(names):
        raise CheckError(
            f"calls: arguments = {shown(arguments)} is no list of as many as there are names, {len(names)}."
        )
    for each in given:
        if each is not None and not isinstance(each, Mapping):
            raise CheckError(f"calls: arguments = {shown(each)} is no dict of what the tool is called with.")
    return tuple(_WantedCall(each, with_these, exact) for each, with_these in zip(names, given, strict=True))


def _holds(value: Any, wanted: Any, *, is_exact: bool) -> bool:
    """Tell whether a JSON part is what is wanted; objects may have more, unless they have to be equal."""
    if isinstance(wanted, Mapping):
        if not isinstance(value, Mapping) or (is_exact and value.keys() - wanted.keys()):
            return False
        return all(key in value and _holds(value[key], part, is_exact=is_exact) for key, part in wanted.items())
    if isinstance(wanted, list | tuple):
        is_as_long = isinstance(value, list) and len(value) == len(wanted)
        return is_as_long and all(
            _holds(one, other, is_exact=is_exact) for one, other in zip(value, wanted, strict=True)
        )
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _in_any_order(wanted: Sequence[_WantedCall], made: Sequence[ToolCall]) -> dict[int, int]:
    """Match as many of the calls wanted as possible, each with a call of its own that was made."""
    if not wanted or not made:
        return {}
    from scipy.optimize import linear_sum_assignment

    met = [[each.is_met_by(call) for call in made] for each in wanted]
    pairs = zip(*linear_sum_assignment(met, maximize=True), strict=True)
    return {int(number): int(at) for number, at in pairs if met[number][at]}


def _in_order(wanted: Sequence[_WantedCall], made: Sequence[ToolCall]) -> dict[int, int]:
    """The same where none may stand before one that is wanted earlier: the longest common subsequence."""
    best: list[list[dict[int, int]]] = [[{} for _ in range(len(made) + 1)] for _ in range(len(wanted) + 1)]
    for number, each in enumerate(wanted):
        for at, call in enumerate(made):
            met = {**best[number][at], number: at} if each.is_met_by(call) else {}
            best[number + 1][at + 1] = max(met, best[number][at + 1], best[number + 1][at], key=len)
    return best[-1][-1]
