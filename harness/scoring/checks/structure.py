"""Checks of an answer's structure: JSON that follows a schema."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import CheckError
from harness.records import Score
from harness.scoring.checks.given import import_library, shown

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
    validator = _validator(_schema_text(schema))
    data = answer
    if isinstance(answer, str):
        block = _FENCE.fullmatch(answer) if fenced else None
        try:
            data = json.loads(block[1] if block else answer, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            return Score(0.0, _not_json(answer, error, fenced))
    return _validated(validator, data)


def _validated(validator: Any, data: Any) -> Score:
    import referencing.exceptions

    jsonschema = import_library("jsonschema", "follows_schema")

    try:
        errors = list(itertools.islice(validator.iter_errors(data), _MOST_ERRORS))
    except referencing.exceptions.Unresolvable as error:
        raise CheckError(f"follows_schema: the schema refers to {error.ref!r}, which is not in it.") from None
    except RecursionError:
        return Score(0.0, "nested too deeply to be checked")
    if not errors:
        return Score(1.0)
    worst = jsonschema.exceptions.best_match(errors)
    message = worst.message if len(worst.message) <= _LONGEST else f"{worst.message[:_LONGEST]}…"
    least = "at least " if len(errors) == _MOST_ERRORS else ""
    more = f" ({least}{len(errors) - 1} more)" if len(errors) > 1 else ""
    return Score(0.0, f"{worst.json_path}: {message}{more}")


def _not_json(text: str, error: Exception, fenced: bool) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply to be checked"
    hint = "; fenced=True takes it out of its fence" if not fenced and _FENCE.fullmatch(text) else ""
    return f"no JSON ({error}): {shown(text)}{hint}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _schema_text(schema: Any) -> str:
    """The schema as text, by which its validator is kept."""
    try:
        if isinstance(schema, str | Path):
            return Path(schema).read_text(encoding="utf-8")
        return json.dumps(schema)
    except (OSError, TypeError, ValueError) as error:
        raise CheckError(f"follows_schema: no schema in {shown(schema)}: {error}.") from None


@functools.lru_cache(maxsize=128)
def _validator(text: str) -> Any:
    jsonschema = import_library("jsonschema", "follows_schema")
    from referencing import Registry

    try:
        schema = json.loads(text)
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise CheckError(
            f"follows_schema: the schema is wrong at {error.json_path}: {error.message[:_LONGEST]}"
        ) from None
    except (ValueError, TypeError) as error:
        raise CheckError(f"follows_schema: the schema is no JSON: {error}.") from None
    return kind(schema, registry=Registry())
