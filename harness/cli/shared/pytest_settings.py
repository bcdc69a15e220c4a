"""Finds the file that tells pytest how to run in a folder, and sees whether it keeps deepeval's plugin out."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path
from typing import Any

NO_DEEPEVAL = "-p no:deepeval"

_INI_SECTIONS = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def find_pytest_settings(folder: Path) -> Path | None:
    """The file in `folder` that pytest reads its settings from, in pytest's own order; None where there is none."""
    for name in ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        path = folder / name
        if path.is_file() and _holds_pytest_settings(path):
            return path
    return None


def keeps_deepeval_out(path: Path) -> bool:
    """Tell whether the pytest settings in this file say `-p no:deepeval`."""
    return "no:deepeval" in path.read_text(encoding="utf-8", errors="replace")


def _holds_pytest_settings(path: Path) -> bool:
    if path.name.lstrip(".") in ("pytest.toml", "pytest.ini"):
        return True
    if path.name == "pyproject.toml":
        return "pytest" in read_toml(path).get("tool", {})
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return False
    return parser.has_section(_INI_SECTIONS[path.name])


def read_toml(path: Path) -> dict[str, Any]:
    """The file's document; an empty one where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}
