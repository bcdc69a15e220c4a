"""The files of a project that its code may depend on, told without reading them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.config.repository.git import Repository
from harness.errors import SettingsError

_ASIDE = ("evals", "suites", "tests", "reports", "docs")
"""Folders beside the code that are no part of what it answers."""
_ABOUT = re.compile(
    r"(readme|changelog|changes|contributing|security|code_of_conduct|authors|notice|licen[cs]e|makefile)(\..*)?"
    r"|(pyproject|steelyard)\.toml|(pytest|tox)\.ini|setup\.cfg|conftest\.py|test_.*\.py|.*_test\.py",
    re.IGNORECASE,
)
"""Files beside the code that describe the project, or say how it is tested."""
_LOCK = re.compile(r".+\.lock|.+[-.]lock\.\w+|requirements.*\.txt|pylock.*\.toml|go\.sum")
_CACHES = ("__pycache__", "node_modules")
_INSTALLED = ("site-packages", "dist-packages")


def project_files(folder: Path) -> list[Path]:
    """The files of a folder that its code may depend on: those that git tracks or does not ignore, all without git; no
    hidden ones, logs and caches, and of the folder itself nothing that describes or tests the project.
    """
    return [file for file in _known_files(folder) if not _is_aside(file.relative_to(folder))]


def _is_aside(name: Path) -> bool:
    return _ABOUT.fullmatch(name.name) is not None if len(name.parts) == 1 else name.parts[0] in _ASIDE


def _known_files(folder: Path) -> list[Path]:
    try:
        repository = Repository(folder)
        known = repository.files()
    except SettingsError:
        known = []
    if not known:  # git ignores the folder, or there is no git
        return sorted(files_below(folder))
    root = repository.root
    shown = [path for path in known if not _is_hidden(path.relative_to(folder)) and path.resolve().is_relative_to(root)]
    return [file for path in shown for file in ([path] if path.is_file() else sorted(files_below(path)))]


def _is_hidden(name: Path) -> bool:
    return name.suffix in (".pyc", ".log") or any(part.startswith(".") or part in _CACHES for part in name.parts)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those in it or that links in it lead to; no hidden ones, logs, caches and
    virtual environments.
    """
    seen: set[Path] = set()  # for a link may lead back
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if not place.is_dir() or place.resolve() in seen or (place / "pyvenv.cfg").is_file():
            continue
        seen.add(place.resolve())
        shown = sorted(path for path in place.iterdir() if not _is_hidden(Path(path.name)))
        yield from (path for path in shown if path.is_file())
        waiting += reversed(shown)


def lock_files(folder: Path) -> list[Path]:
    """The files that say what is installed: those of the nearest folder that has some, from this one up to the root of
    its repository.
    """
    root = project_root(folder)
    for place in (folder, *folder.parents):
        found = sorted(path for path in place.glob("*") if _LOCK.fullmatch(path.name) and path.is_file())
        if found or place.resolve() == root:
            return found
    return []


def project_root(folder: Path) -> Path:
    """The root of the repository that a folder is in; the folder itself where it is in none."""
    try:
        return Repository(folder).root
    except SettingsError:
        return folder.resolve()


def is_installed(place: Path) -> bool:
    """Tell whether a file, or a folder, is of what is installed and not of a project."""
    return not set(_INSTALLED).isdisjoint(place.parts) or place.is_relative_to(Path(sys.prefix).resolve())
