"""Recordings as files: one line for each case, sorted, so that a review and `git diff` show which cases moved."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydantic

from harness.config import Settings
from harness.config.files import replacing, unique_keys
from harness.config.repository.git import Repository
from harness.config.settings import NO_BASELINE
from harness.config.versions import GIT
from harness.errors import SettingsError, choices
from harness.gate.baselines.recording import Recording

FOLDER = Path("reports") / "baselines"
"""Of a project: where its recorded baselines lie."""
_SUFFIX = ".json"
_OPENED = 3
"""Levels of the file whose entries have a line each."""

_RECORDING = pydantic.TypeAdapter(Recording)
_encode = json.JSONEncoder(allow_nan=False, sort_keys=True).encode


def to_text(recording: Recording) -> str:
    """The recording as the text of its file: JSON in ASCII, the same for the same scores.

    A case is a list: the digest of its fields, that of what was asked, then its scores by metric. Scores that are all 0
    or 1 are a text such as "1101".
    """
    return _lines(_RECORDING.dump_python(recording, mode="json")) + "\n"


def _lines(value: Any, level: int = 0) -> str:
    if not isinstance(value, dict) or not value or level > _OPENED:
        return _encode(value)
    indent = "  " * level
    entries = (f"{indent}  {_encode(key)}: {_lines(value[key], level + 1)}" for key in sorted(value))
    return "{\n" + ",\n".join(entries) + f"\n{indent}}}"


def write_recording(recording: Recording, path: Path, *, force: bool = False) -> bool:
    """Write a recording; a reader sees the old file or the new one, never half. False where it was there already.

    Raises:
        SettingsError: another recording is there, and `force` is not given; or it can't be written.
    """
    text = to_text(recording)
    try:
        if path.exists():
            if path.read_bytes() == text.encode("ascii"):
                return False
            if not force:
                raise SettingsError(
                    f"{path} is there, and holds something else. --force overwrites it, --name NAME writes another."
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="ascii", newline="\n")
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror or error}.") from None
    return True


def read_recording(path: Path) -> Recording:
    """The recording in a file; it is called as the file is.

    Raises:
        SettingsError: it can't be read, or is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text, object_pairs_hook=unique_keys)  # a merge may leave a case twice
        return replace(_RECORDING.validate_json(text, strict=True), name=path.stem)
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror or error}.") from None
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        why = f"{', '.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        why = f"no JSON: {error}"
    raise SettingsError(
        f"{path} is no recorded baseline: {why}. Record the run again with `steelyard baseline record`."
    )


def recording_named(settings: Settings) -> Recording | None:
    """The recording that `baseline` of the settings names; None where it names a version, or there is none.

    A version's name wins; then a file reports/baselines/NAME.json; then a path, from the project's folder or from that
    one.

    Raises:
        UsageError: it is none of these, with the nearest of what there is; a file that is no recording.
    """
    name, folder = settings.baseline, settings.root / FOLDER
    if name is None or name in settings.versions or name == NO_BASELINE:
        return None
    is_path = name.endswith(_SUFFIX) or "/" in name
    for place in (settings.root / name, folder / name) if is_path else (folder / f"{name}{_SUFFIX}",):
        with suppress(OSError, ValueError):  # a name too long for a file, or with a NUL
            if place.is_file():
                return read_recording(place)
    known = sorted(folder.glob(f"*{_SUFFIX}"))
    if is_path:
        names = [path.name for path in known]
        raise SettingsError(f"{choices('recorded baseline', name, names)} Looked in {settings.root} and {folder}.")
    more = (
        f"Define a version as {settings.table('NAME')}; a recorded baseline is {FOLDER}/{name}{_SUFFIX}, which "
        f"`steelyard baseline record --name {name}` writes of a run."
    )
    with suppress(SettingsError):  # no such ref, or no repository
        Repository(settings.root).commit(name)
        more = f"Did you mean {GIT}{name}, the candidate as it was at that commit?"
    names = list(dict.fromkeys([*settings.versions, *(path.stem for path in known)]))
    raise SettingsError(f"{choices('baseline', name, names)} {more}")


def recorded_path(settings: Settings, name: str) -> Path:
    """Give the path where the recording of this name lies, or would.

    Raises:
        SettingsError: the name is no name of a file.
    """
    name = name.removesuffix(_SUFFIX)
    if not name or name.startswith(".") or any(not each.isprintable() or each in '/\\:*?"<>|' for each in name):
        raise SettingsError(f"{name!r} can't be the name of a recorded baseline: write letters, digits, - and _.")
    if name == NO_BASELINE:
        raise SettingsError(f"A recorded baseline can't be called {name!r}: --baseline {name} means something else.")
    return settings.root / FOLDER / f"{name}{_SUFFIX}"
