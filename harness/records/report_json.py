"""report.json: the whole run for machines, with keys that stay (report.schema.json says which)."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO, TypeVar

from harness.errors import SettingsError
from harness.records.baselines import BaselineRecord
from harness.records.budget import Budget, Limits, Spent
from harness.records.estimates import Difference, Estimate
from harness.records.judging import JudgeSummary
from harness.records.reports import Change, Report, Usage, VersionRef
from harness.records.selection import Selected, Selection
from harness.records.verdicts import (
    Aggregate,
    CaseResult,
    Check,
    Claim,
    Claims,
    Interruption,
    LookTaken,
    LostClaim,
    Reviewed,
    Stakes,
    Verdict,
    VerdictKind,
)

FILE_NAME = "report.json"
SCHEMA_VERSION = 1

_OF_CASES = ("cluster", "content", "asked")
"""What an entry of a case has where it is known."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_Record = TypeVar("_Record")


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain dicts, lists, texts and numbers, ready for any JSON writer.

    A number that is not finite becomes None, and a lone surrogate (half of a character, which strict parsers refuse)
    becomes U+FFFD.
    """
    document = _plain_record(report, without=("evaluations", "changes"))
    document["evaluations"] = [_evaluation(verdict) for verdict in report.evaluations]
    document["changes"] = [_plain_record(change) for change in report.changes]
    schema_version = document.pop("schema_version")
    return {"schema_version": schema_version, **document}


def from_json(document: Mapping[str, Any]) -> Report:
    """The report that `to_json` wrote; a number that was not finite comes back as NaN. Unknown keys are left aside.

    Raises:
        SettingsError: a key is missing, a value is of the wrong kind, or a newer Steelyard wrote it.
    """
    version = document.get("schema_version") if isinstance(document, Mapping) else None
    if not isinstance(version, int):
        raise SettingsError("This is no report of Steelyard: it has no schema_version.")
    if version > SCHEMA_VERSION:
        raise SettingsError(
            f"The report has schema_version {version}; this Steelyard reads up to {SCHEMA_VERSION}. Upgrade Steelyard."
        )
    try:
        return _record(
            Report,
            document,
            verdict=VerdictKind(document["verdict"]),
            candidate=_version(document["candidate"]),
            baseline=None if document["baseline"] is None else _version(document["baseline"]),
            usage=_record(Usage, document["usage"]),
            evaluations=tuple(_verdict(entry) for entry in document["evaluations"]),
            changes=tuple(_record(Change, entry) for entry in document.get("changes", ())),
            judges=tuple(_version(entry) for entry in document.get("judges", ())),
            budget=_budget(document.get("budget")),
            selection=selection_from(document.get("selection")),
        )
    except KeyError as error:
        raise SettingsError(f"The report lacks the key {error.args[0]!r}; write it again with a new run.") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"The report can't be read: {error}. Write it again with a new run.") from None


def print_report(report: Report, stream: TextIO) -> None:
    """Write the report to a stream: a line for each key, and for each evaluation and change, so that the file can be
    read, searched and compared by line. The standard library's indentation would cost ten times as long.
    """
    encode = json.JSONEncoder(allow_nan=False).encode
    stream.write("{")
    for position, (key, value) in enumerate(to_json(report).items()):
        stream.write(f"{',' if position else ''}\n  {encode(key)}: ")
        if isinstance(value, list) and value:
            stream.write("[\n    ")
            _write_items((encode(item) for item in value), stream)
            stream.write("\n  ]")
        else:
            stream.write(encode(value))
    stream.write("\n}\n")


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


def _evaluation(verdict: Verdict) -> dict[str, Any]:
    entry = _plain_record(verdict, without=("cases",))
    entry["cases"] = [
        {
            "id": _text(case.id),
            "n": int(case.n),
            "candidate": _number(case.candidate),
            "baseline": _number(case.baseline),
            "state": case.state,
            **{name: _text(text) for name in _OF_CASES if (text := getattr(case, name)) is not None},
        }
        for case in verdict.cases
    ]
    return entry


def _plain_record(record: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        field.name: plain(getattr(record, field.name))
        for field in dataclasses.fields(record)
        if field.name not in without
    }


def plain(value: Any) -> Any:
    """A record, list, text or number as any JSON writer takes it."""
    if hasattr(value, "item"):  # a scalar of numpy
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return _plain_record(value) if dataclasses.is_dataclass(value) else _text(value)


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _text(text: str) -> str:
    return str(text) if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _write_items(items: Iterable[str], stream: TextIO) -> None:
    for position, item in enumerate(items):
        stream.write(f",\n    {item}" if position else item)


def _version(entry: Mapping[str, Any]) -> VersionRef:
    return _record(VersionRef, entry, answered_as=tuple(entry.get("answered_as", ())))


def _verdict(entry: Mapping[str, Any]) -> Verdict:
    return _record(
        Verdict,
        entry,
        verdict=VerdictKind(entry["verdict"]),
        candidate=_optional(Estimate, entry["candidate"]),
        baseline=_optional(Estimate, entry["baseline"]),
        difference=_optional(Difference, entry["difference"]),
        cases=tuple(
            CaseResult(
                *(case[name] for name in ("id", "n", "candidate", "baseline", "state")),
                *(case.get(name) for name in _OF_CASES),
            )
            for case in entry["cases"]
        ),
        checks=tuple(_check(check) for check in entry.get("checks", ())),
        errors=tuple(entry.get("errors", ())),
        interruption=_optional(Interruption, entry.get("interruption")),
        traceback=tuple(entry.get("traceback", ())),
        aggregates=tuple(_record(Aggregate, each) for each in entry.get("aggregates", ())),
        judges=tuple(_judge(each) for each in entry.get("judges", ())),
        review=_optional(Reviewed, entry.get("review")),
        baseline_record=_optional(BaselineRecord, entry.get("baseline_record")),
        claims=_claims(entry.get("claims")),
        look=_look(entry.get("look")),
    )


def _claims(entry: Mapping[str, Any] | None) -> Claims | None:
    if entry is None:
        return None
    lost = entry.get("lost")
    return Claims(
        _claim(entry.get("suite")),
        _claim(entry.get("population")),
        None if lost is None else _lost(lost),
    )


def _lost(entry: Mapping[str, Any]) -> LostClaim:
    return _record(LostClaim, entry, cases=tuple(entry["cases"]), decisive=tuple(entry.get("decisive", ())))


def _claim(entry: Mapping[str, Any] | None) -> Claim | None:
    if entry is None:
        return None
    return Claim(VerdictKind(entry["verdict"]), _optional(Difference, entry["difference"]))


def _look(entry: Mapping[str, Any] | None) -> LookTaken | None:
    return None if entry is None else _record(LookTaken, entry, stakes=_optional(Stakes, entry.get("stakes")))


def _budget(entry: Mapping[str, Any] | None) -> Budget | None:
    if entry is None:
        return None
    return _record(Budget, entry, limits=_record(Limits, entry["limits"]), spent=_record(Spent, entry["spent"]))


def selection_from(entry: Mapping[str, Any] | None) -> Selection | None:
    """The selection of a report, from its plain form."""
    if entry is None:
        return None
    chosen = tuple(_record(Selected, each) for each in entry["chosen"])
    return _record(Selection, entry, chosen=chosen, left_out=tuple(entry["left_out"]))


def _judge(entry: Mapping[str, Any]) -> JudgeSummary:
    estimates = {name: _optional(Estimate, entry.get(name)) for name in ("flip", "first_wins")}
    return _record(JudgeSummary, entry, **estimates)


def _check(entry: Mapping[str, Any]) -> Check:
    return _record(
        Check, entry, verdict=VerdictKind(entry["verdict"]), difference=_record(Difference, entry["difference"])
    )


def _optional(kind: type[_Record], entry: Mapping[str, Any] | None) -> _Record | None:
    return None if entry is None else _record(kind, entry)


def _record(kind: type[_Record], entry: Mapping[str, Any], **made: Any) -> _Record:
    """A record of one entry; None becomes NaN where the field holds a number and nothing else."""
    values = {**_known(kind, entry), **made}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name not in values and field.default is dataclasses.MISSING:
            raise KeyError(field.name)
        if field.type == "float" and values.get(field.name, 0.0) is None:
            values[field.name] = math.nan
    return kind(**values)


def _known(kind: type[Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in entry.items() if name in names}
