"""Recordings as files: one line for each case, sorted, so that a review and `git diff` show which cases moved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydantic

from harness.config.files import replacing, unique_keys
from harness.errors import SettingsError
from harness.gate.baselines.recording import Recording

SUFFIX = ".json"
_OPENED = 3
"""Levels of the file whose entries have a line each."""
_AGAIN = "Record the run again with `steelyard baseline record`."

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
        where = ", ".join(map(str, first["loc"]))
        raise SettingsError(f"{path} is no recorded baseline: {where}: {first['msg']}. {_AGAIN}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is no recorded baseline: no JSON: {error}. {_AGAIN}") from None
