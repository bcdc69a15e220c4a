"""steelyard.waivers.toml, beside the settings file: evaluations that are accepted until a day."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
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
    accepted: tuple[_Accepted, ...] = ()

    @classmethod
    def written(cls, table: dict[str, object]) -> dict[str, object]:
        rows = table.get("accepted")
        return table if not isinstance(rows, list) else {"accepted": tuple(rows)}


def today() -> datetime.date:
    """The day that it is, by UTC."""
    return datetime.datetime.now(datetime.UTC).date()


def read_waivers(root: Path, day: datetime.date) -> tuple[Waiver, ...]:
    """The waivers of a project, of which those that ended before this day are over.

    Raises:
        SettingsError: the file can't be read or understood, or accepts an evaluation twice or for too long.
    """
    path = root / FILE_NAME
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror or error}.") from None
    rows = read(_File, parse_toml(content, path), where=str(path)).accepted
    names, latest = [each.evaluation for each in rows], day + _LONGEST
    if late := next((each for each in rows if each.until > latest), None):
        raise SettingsError(f"{path} accepts {late.evaluation} until {late.until}; it can't go beyond {latest} now.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SettingsError(f"{path} accepts {twice} twice; remove one of the two.")
    return tuple(Waiver(each.evaluation, each.reason, each.until.isoformat(), each.until < day) for each in rows)


def write_waivers(root: Path, waivers: Sequence[Waiver]) -> Path:
    """Write the file anew; one without waivers is removed."""
    path = root / FILE_NAME
    rows = [
        f"\n[[accepted]]\nevaluation = {_quoted(each.evaluation_id)}\nreason = {_quoted(each.reason)}\n"
        f"until = {each.until}\n"
        for each in waivers
    ]
    if rows:
        path.write_text(_HEAD + "".join(rows), encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    return path


def checked_waiver(evaluation: str, reason: str, until: str, day: datetime.date) -> Waiver:
    """A new waiver.

    Raises:
        SettingsError: the reason is no line of text, or the day is none, over, or too far away.
    """
    latest = day + _LONGEST
    try:
        end = datetime.date.fromisoformat(until)
    except ValueError:
        raise SettingsError(f"--until: {until!r} is no day; write one such as {latest}.") from None
    if end < day:
        raise SettingsError(f"--until: {until} is over; today is {day} (UTC).")
    if end > latest:
        raise SettingsError(f"--until: {until} is more than {_LONGEST.days} days away; accept until {latest} at most.")
    row = read(_Accepted, {"evaluation": evaluation, "reason": reason, "until": end}, where="steelyard accept")
    return Waiver(row.evaluation, row.reason, end.isoformat())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
