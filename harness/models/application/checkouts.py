"""Keeps an application at a commit to the modules of that commit, where its environment leads to the project's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.environment import python_path
from harness.config.repository.git import Repository
from harness.config.repository.project_files import is_installed
from harness.errors import SettingsError
from harness.models.application.engine import import_paths

if TYPE_CHECKING:
    from harness.config.versions import Checkout, VersionSettings

_DIGITS = 12


def environment_of(settings: VersionSettings, folder: Path) -> dict[str, str]:
    """The variables that an application at a commit has otherwise than this process: where this one looks for modules
    in the project, as after an editable install, it looks among the commit's files, and there first.
    """
    checkout = settings.checkout
    if checkout is None:
        return {}
    own = [place for entry in sys.path if _is_of_project(place := Path(entry).resolve(), checkout)]
    moved = [checkout.tree / place.relative_to(checkout.project) for place in own]
    return {"PYTHONPATH": python_path([*import_paths(folder), *(str(place) for place in moved if place.is_dir())])}


def told_of_commit(settings: VersionSettings) -> str:
    """The end of a message about what is not there: where a version is of a commit, what helps; else nothing."""
    checkout = settings.checkout
    if checkout is None:
        return ""
    commit = checkout.commit[:_DIGITS]
    return f" {settings.name} has what was committed at {commit}: commit it there first, or name another version."


def list_watched(settings: VersionSettings) -> dict[str, Any]:
    """What a worker is told so that it notes which files of the project as it lies there it reads: where the project
    lies, and what it shares with the commit, such as what git ignores. Nothing for a version of no commit.
    """
    checkout = settings.checkout
    if checkout is None:
        return {}
    shared = [".git", *Repository(checkout.project).ignored()]
    places = [checkout.tree, *(checkout.project / name for name in shared)]
    return {"project": str(checkout.project), "shared": list(map(str, places))}


def move_to_checkout(settings: VersionSettings, path: Path) -> Path:
    """A path of the settings; one that leads into the project as it lies there, from outside, in the commit's files."""
    checkout = settings.checkout
    if checkout is None or not path.is_absolute() or path.is_relative_to(checkout.tree):
        return path
    place = Path(os.path.normpath(path))
    moved = checkout.tree / place.relative_to(checkout.project) if place.is_relative_to(checkout.project) else path
    return moved if moved.exists() else path


def check_modules(settings: VersionSettings, files: Iterable[str]) -> None:
    """Refuse an application at a commit that imports modules of the project as it lies there now.

    Args:
        files: of the modules that it imports.

    Raises:
        SettingsError: naming the first of them.
    """
    checkout = settings.checkout
    foreign = [] if checkout is None else [file for file in files if _is_of_project(Path(file), checkout)]
    if foreign and checkout is not None:
        raise SettingsError(
            f"version {settings.name!r}: {settings.engine_options['call']} imports {foreign[0]}, which is of the "
            f"project as it lies there and not of commit {checkout.commit[:_DIGITS]}: the environment leads to it. "
            'Name the folder that such modules are imported from, as in folder = "backend".'
        )


def _is_of_project(place: Path, checkout: Checkout) -> bool:
    """Tell whether a place is of the project as it lies there, and neither of the commit nor of what is installed."""
    is_own = place.is_relative_to(checkout.project) and not place.is_relative_to(checkout.tree)
    return is_own and not is_installed(place)
