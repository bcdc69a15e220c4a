"""report.json: the whole run for machines, with keys that stay (report.schema.json says which)."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from harness.errors import SettingsError
from harness.records.plan import Plan
from harness.records.reports import Report
from harness.records.verdicts import CaseResult

FILE_NAME = "report.json"
SCHEMA_VERSION = 1

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain dicts, lists, texts and numbers, ready for any JSON writer.

    A number that is not finite becomes None, and a lone surrogate (half of a character, which strict parsers refuse)
    becomes U+FFFD.
    """
    document = {"schema_version": report.schema_version, **_plain_record(report)}
    last = {name: document.pop(name) for name in ("evaluations", "changes")}
    return document | last


def from_json(document: Mapping[str, Any]) -> Report:
    """The report that `to_json` wrote; a number that was not finite comes back as NaN. Unknown keys are left aside.

    Raises:
        SettingsError: a key is missing, a value is of the wrong kind, or a newer Steelyard wrote it.
    """
    version, newest = document.get("schema_version") if isinstance(document, Mapping) else None, SCHEMA_VERSION
    if not isinstance(version, int):
        raise SettingsError("This is no report of Steelyard: it has no schema_version.")
    if version > newest:
        raise SettingsError(
            f"The report has schema_version {version}; this Steelyard reads up to {newest}. Upgrade it."
        )
    try:
        report: Report = _reader(Report)(document)
    except KeyError as error:
        raise SettingsError(f"The report lacks the key {error.args[0]!r}; write it again with a new run.") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"The report can't be read: {error}. Write it again with a new run.") from None
    return report


def print_report(report: Report, stream: TextIO) -> None:
    """Write the report to a stream: a line for each key, and for each evaluation and change, so that the file can be
    read, searched and compared by line. The standard library's indentation would cost ten times as long.
    """
    encode = json.JSONEncoder(allow_nan=False).encode
    lines = []
    for key, value in to_json(report).items():
        is_long = isinstance(value, list) and value
        text = "[\n    " + ",\n    ".join(map(encode, value)) + "\n  ]" if is_long else encode(value)
        lines.append(f"  {encode(key)}: {text}")
    stream.write("{\n" + ",\n".join(lines) + "\n}\n")


def read_report(path: Path) -> Report:
    """Read a report.json, or the one in a folder.

    Raises:
        SettingsError: it is missing, is not JSON, or is no report.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise SettingsError(f"{file} is not valid JSON: {error}.") from None
    try:
        return from_json(document)
    except SettingsError as error:
        raise SettingsError(f"{file}: {error}") from None


def schema() -> dict[str, Any]:
    """The published JSON schema (draft 2020-12) of report.json."""
    document: dict[str, Any] = json.loads(Path(__file__).with_name("report.schema.json").read_text(encoding="utf-8"))
    return document


def plain(value: Any) -> Any:
    """A record, list, text or number as any JSON writer takes it."""
    if hasattr(value, "item"):  # a scalar of numpy
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {plain(name): plain(item) for name, item in value.items()}
    if dataclasses.is_dataclass(value):
        return _plain_record(value)
    return str(value) if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value)


def _plain_record(record: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    # What it is stands before of what kind it is.
    for field in sorted(dataclasses.fields(record), key=lambda each: bool(each.kw_only)):
        value = getattr(record, field.name)
        if isinstance(value, Plan):  # its keys stand among those of what carries it
            entry |= _plain_record(value)
        elif value is not None or field.default is not None or not isinstance(record, CaseResult):
            entry[field.name] = plain(value)
    return entry


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Make the function that reads a value of this type; None becomes NaN where the type is a number and no None."""
    inner, origin = typing.get_args(kind), typing.get_origin(kind)
    if origin is Mapping:
        each = _reader(inner[1])
        return lambda value: {name: each(item) for name, item in value.items()}
    if origin is tuple:
        each = _reader(inner[0])
        return lambda value: tuple(map(each, value))
    if type(None) in inner and len(inner) == 2:
        (some,) = (_reader(each) for each in inner if each is not type(None))
        return lambda value: None if value is None else some(value)
    if kind is float:
        return lambda value: math.nan if value is None else value
    if dataclasses.is_dataclass(kind):
        return _record_reader(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    return lambda value: value  # texts and truth values are as they are


def _record_reader(kind: Any) -> Callable[[Any], Any]:
    types, fields = typing.get_type_hints(kind), dataclasses.fields(kind)
    readers = {each.name: _reader(types[each.name]) for each in fields}
    needed = {each.name for each in fields if each.default is each.default_factory is dataclasses.MISSING}

    def read(entry: Any) -> Any:
        known = {**entry, **{name: entry for name in readers if types[name] is Plan}}
        return kind(**{name: read(known[name]) for name, read in readers.items() if name in known or name in needed})

    return read
