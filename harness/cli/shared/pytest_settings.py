"""Finds the file that tells pytest how to run in a folder, and sees whether it keeps deepeval's plugin out."""

from __future__ import annotations

from pathlib import Path

NO_DEEPEVAL = "-p no:deepeval"

_HOLDS = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
"""The files that pytest looks at, in its order, and the table that makes them its settings."""


def find_pytest_settings(folder: Path) -> Path | None:
    """The file in `folder` that pytest reads its settings from; None where there is none."""
    places = ((folder / name, table) for name, table in _HOLDS.items())
    return next((path for path, table in places if path.is_file() and table in _text(path)), None)


def keeps_deepeval_out(path: Path) -> bool:
    """Tell whether the pytest settings in this file say `-p no:deepeval`."""
    return "no:deepeval" in _text(path)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
