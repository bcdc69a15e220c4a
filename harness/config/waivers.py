"""steelyard.waivers.toml, beside the settings file: evaluations that are accepted until a day."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from harness.config.settings import parse_toml
from harness.config.typed import Must, Table, Text, read
from harness.errors import SettingsError
from harness.records import Waiver

FILE_NAME = "steelyard.waivers.toml"
_LONGEST = datetime.timedelta(days=90)
_HEAD = "# Evaluations whose red or inconclusive verdict is accepted: `steelyard accept --help`. Commit this file.\n"
_Line = Annotated[Text, Must(str.isprintable, "holds a line break or a control character; write one line of text.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accepted(Table):
    evaluation: _Line
    reason: _Line
    until: datetime.date


@dataclass(frozen=True, slots=True)
class _File(Table):
    accepted: list[_Accepted] = field(default_factory=list)


def today() -> datetime.date:
    """The day that it is, by UTC."""
    return datetime.datetime.now(datetime.UTC).date()


def read_waivers(root: Path, day: datetime.date) -> tuple[Waiver, ...]:
    """The waivers of a project, of which those that ended before this day are over.

    Raises:
        SettingsError: the file can't be read or understood, or accepts an evaluation twice or for too long.
    """
    path, latest = root / FILE_NAME, day + _LONGEST
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror or error}.") from None
    waivers: dict[str, Waiver] = {}
    for row in read(_File, parse_toml(content, path), where=str(path)).accepted:
        name = row.evaluation
        if name in waivers:
            raise SettingsError(f"{path} accepts {name} twice; remove one of the two.")
        if row.until > latest:
            raise SettingsError(f"{path} accepts {name} until {row.until}; it can't go beyond {latest} now.")
        waivers[name] = Waiver(name, row.reason, str(row.until), row.until < day)
    return tuple(waivers.values())


def write_waivers(root: Path, waivers: Iterable[Waiver]) -> None:
    """Write the file anew; one without waivers is removed."""
    rows = [
        f"\n[[accepted]]\nevaluation = {json.dumps(each.evaluation_id, ensure_ascii=False)}\n"
        f"reason = {json.dumps(each.reason, ensure_ascii=False)}\nuntil = {each.until}\n"
        for each in waivers
    ]
    if rows:
        (root / FILE_NAME).write_text(_HEAD + "".join(rows), encoding="utf-8")
    else:
        (root / FILE_NAME).unlink(missing_ok=True)


def checked_waiver(evaluation: str, reason: str, until: str, day: datetime.date) -> Waiver:
    """A new waiver. Raises SettingsError: no line of text for a reason; a day that is none, over, or too far away."""
    latest = day + _LONGEST
    try:
        end = datetime.date.fromisoformat(until)
    except ValueError:
        raise SettingsError(f"--until: {until!r} is no day; write one such as {latest}.") from None
    if not day <= end <= latest:
        why = f"is over; today is {day} (UTC)" if end < day else f"is more than {_LONGEST.days} days away"
        raise SettingsError(f"--until: {until} {why}. Accept until {latest} at most.")
    row = read(_Accepted, {"evaluation": evaluation, "reason": reason, "until": end}, where="steelyard accept")
    return Waiver(row.evaluation, row.reason, str(end))
