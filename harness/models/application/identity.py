"""The files that an application is: by them it is told apart, and at a commit they are that commit's alone."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.environment import python_path
from harness.config.repository import Repository, files_below, is_installed, lock_files, project_files, project_root
from harness.errors import SettingsError
from harness.models.files.content_hash import file_hash, text_hash

if TYPE_CHECKING:
    from harness.config import VersionSettings


def import_paths(folder: Path) -> list[str]:
    """Return the folders in which an application's modules are looked for first: its own, and `src` in it."""
    return [str(folder), *([str(folder / "src")] if (folder / "src").is_dir() else [])]


def files_of(settings: VersionSettings, folder: Path) -> list[Path]:
    """The files that a version's answers depend on: those of its folder; of the package that `call` names, with what
    lies beside it, where that is elsewhere in the project; the lock file; and those of the setting `files`.

    Args:
        folder: the version's.

    Raises:
        SettingsError: a file of `files` is not there.
    """
    files = {*project_files(folder), *lock_files(folder), *_listed(settings, folder)}
    package = _package(settings, folder)
    if package is not None and not is_installed(package):
        if package.is_relative_to(project_root(folder)):
            files.update(project_files(package.parent))
        own = [package] if package.is_file() else list(files_below(package))
        files.update(own if files.isdisjoint(own) else ())  # else git tells which of them count
    return sorted(files)


def contents_of(settings: VersionSettings, folder: Path) -> Mapping[str, str]:
    """Return what a version's answers depend on, by names that are the same for equal code in another folder: the
    hash of each file, and the release of a package that is installed. Raises SettingsError: as `files_of`.
    """
    places, contents = ((folder, ""), (project_root(folder), "/")), {}
    for file in files_of(settings, folder):
        base, sign = next((each for each in places if file.is_relative_to(each[0])), (None, ""))
        name = file if base is None else file.relative_to(base)
        contents[f"{sign}{name.as_posix()}"] = file_hash(file)
    package = _package(settings, folder)
    if package is not None and is_installed(package):
        for owner in importlib.metadata.packages_distributions().get(_module(settings), ()):
            contents[f"package {owner}"] = importlib.metadata.version(owner)
    return contents


def content_of(settings: VersionSettings, folder: Path) -> str:
    """A hash over all that a version's answers depend on. Raises SettingsError: as `files_of`."""
    return text_hash(*(part for each in sorted(contents_of(settings, folder).items()) for part in each))


def _module(settings: VersionSettings) -> str:
    """The first name of the module that `call` names; "" for a command."""
    return str(settings.engine_options.get("call", "")).partition(":")[0].partition(".")[0]


def _package(settings: VersionSettings, folder: Path) -> Path | None:
    """The file, or the folder, of the package that `call` names, as it is found without importing it."""
    module, spec = _module(settings), None
    try:
        if module:
            spec = PathFinder.find_spec(module, import_paths(folder)) or importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):  # a module whose finder is broken, or that has no spec
        return None
    if spec is None:
        return None
    place = next(iter(spec.submodule_search_locations or ()), spec.origin if spec.has_location else None)
    return None if place is None else move_to_checkout(settings, Path(place).resolve())


def _listed(settings: VersionSettings, folder: Path) -> Iterable[Path]:
    for name in settings.engine_options.get("files", ()):
        named = move_to_checkout(settings, Path(name).expanduser())
        place = Path(os.path.normpath(folder / named))  # by its own name, where it is a link
        if not place.exists():
            raise SettingsError(f"version {settings.name!r}: files: {str(place)!r} is not there.")
        yield from [place] if place.is_file() else files_below(place)


def move_to_checkout(settings: VersionSettings, path: Path) -> Path:
    """A path of the settings; one that leads into the project as it lies there, from outside, in the commit's files."""
    checkout = settings.checkout
    if checkout is None or not path.is_absolute() or path.is_relative_to(checkout.tree):
        return path
    place = Path(os.path.normpath(path))
    moved = checkout.tree / place.relative_to(checkout.project) if place.is_relative_to(checkout.project) else path
    return moved if moved.exists() else path


def environment_of(settings: VersionSettings, folder: Path) -> dict[str, str]:
    """The variables that an application at a commit has otherwise than this process: where this one looks for modules
    in the project, as after an editable install, it looks among the commit's files, and there first.
    """
    if settings.checkout is None:
        return {}
    places = [Path(entry).resolve() for entry in sys.path]
    moved = [move_to_checkout(settings, place) for place in places if not is_installed(place)]
    own = [str(each) for each in moved if each not in places and each.is_dir()]
    return {"PYTHONPATH": python_path([*import_paths(folder), *own])}


def list_watched(settings: VersionSettings) -> dict[str, Any]:
    """Return what a worker is told so that it notes which files of the project as it lies there it reads: where the
    project lies, and what it shares with the commit, such as what git ignores. Nothing for a version of no commit.
    """
    checkout = settings.checkout
    if checkout is None:
        return {}
    shared = [".git", *Repository(checkout.project).ignored()]
    places = [checkout.tree, *(checkout.project / name for name in shared)]
    return {"project": str(checkout.project), "shared": list(map(str, places))}
