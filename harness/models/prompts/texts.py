"""Reads the `system` and `template` of a version that stand in a file: `file:PATH`.

A text is read once for a run. What counts is what it says: the same text has the same fingerprint wherever it stands.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config.files import FILE, find_file, read_text
from harness.config.versions import VersionSettings
from harness.errors import SettingsError

SUFFIXES = (".md", ".txt", ".jinja", ".j2", ".prompt")
_VARIABLE = re.compile(r"\{\{\s*([a-zA-Z_][\w.]*)\s*\}\}")
_PLACE = "{prompt}"


def read_texts(settings: VersionSettings, root: Path) -> VersionSettings:
    """The version with the texts of its prompt in place of where they stand.

    Args:
        root: folder that relative paths start from.

    Raises:
        SettingsError: one can't be read, has no place for the question, or a place for something else.
    """
    read: dict[str, Any] = {name: _from_file(settings, name, root) for name in settings.texts_elsewhere}
    return replace(settings, **read)


def _from_file(settings: VersionSettings, name: str, root: Path) -> str:
    place = settings.texts_elsewhere[name]
    path = Path(place.removeprefix(FILE)).expanduser()
    given = f"Version {settings.name!r}, {name} = {place!r}"
    try:
        file = find_file(path, (root,), kind="prompt", suffixes=SUFFIXES, error=SettingsError)
    except SettingsError as error:
        raise SettingsError(f"{given}: {error}") from None
    if file is None:
        raise SettingsError(f"{given}: there is no {root / path}.")
    try:
        text = read_text(file, SettingsError)
    except SettingsError as error:
        raise SettingsError(f"{given}: {error}") from None
    return _checked(name, given, text.rstrip("\r\n"))


def _checked(name: str, given: str, text: str) -> str:
    """The text with the place of the question written as `{prompt}`."""
    if not text.strip():
        raise SettingsError(f"{given}: the text is empty.")
    if text.startswith(FILE):
        raise SettingsError(f"{given} only names another place, {text!r}: name that one.")
    wanted = set(_VARIABLE.findall(text))
    unknown = sorted(wanted - ({"prompt"} if name == "template" else set()))
    if unknown:
        only = "{{prompt}}, the question, is the only one" if name == "template" else "a system text has none"
        raise SettingsError(f"{given} has the variable {{{{{unknown[0]}}}}}, which nothing fills in: {only}.")
    if name != "template":
        return text
    text = _VARIABLE.sub(_PLACE, text)
    if _PLACE not in text:
        raise SettingsError(f"{given} does not hold {{{{prompt}}}}, where the question goes.")
    return text
