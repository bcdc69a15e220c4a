"""The content that an application's answers depend on: its package, what lies beside it, and what is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.repository import files_below, is_installed, lock_files, project_files, project_root
from harness.errors import SettingsError
from harness.models.application.checkouts import move_to_checkout
from harness.models.application.engine import import_paths
from harness.models.files.content_hash import file_hash, text_hash

if TYPE_CHECKING:
    from harness.config import VersionSettings


def files_of(settings: VersionSettings, folder: Path) -> list[Path]:
    """The files that a version's answers depend on: those of its folder; of the package that `call` names, with what
    lies beside it, where that is elsewhere in the project; the lock file; and those of the setting `files`.

    Args:
        folder: the version's.

    Raises:
        SettingsError: a file of `files` is not there.
    """
    found = {*project_files(folder), *lock_files(folder), *_listed(settings, folder)}
    package = _package(settings, folder)
    if package is not None and not is_installed(package):
        if package.is_relative_to(project_root(folder)):
            found.update(project_files(package.parent))
        own = [package] if package.is_file() else list(files_below(package))
        found.update(own if found.isdisjoint(own) else ())  # else git tells which of them count
    return sorted(found)


def contents_of(settings: VersionSettings, folder: Path) -> Mapping[str, str]:
    """What a version's answers depend on, by names that are the same for equal code in another folder: the hash of each
    file, and the release of a package that is installed.

    Raises:
        SettingsError: as `files_of`.
    """
    root = project_root(folder)
    found = {_place(file, folder, root): file_hash(file) for file in files_of(settings, folder)}
    package = _package(settings, folder)
    if package is not None and is_installed(package):
        module = _module(settings)
        for owner in importlib.metadata.packages_distributions().get(module, ()):
            found[f"package {owner}"] = importlib.metadata.version(owner)
    return found


def content_of(settings: VersionSettings, folder: Path) -> str:
    """A hash over all that a version's answers depend on. Raises SettingsError: as `files_of`."""
    return text_hash(*(part for each in sorted(contents_of(settings, folder).items()) for part in each))


def _module(settings: VersionSettings) -> str:
    """The first name of the module that `call` names; "" for a command."""
    return str(settings.engine_options.get("call", "")).partition(":")[0].partition(".")[0]


def _package(settings: VersionSettings, folder: Path) -> Path | None:
    """The file, or the folder, of the package that `call` names, as it is found without importing it."""
    module = _module(settings)
    if not module:
        return None
    try:
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


def _place(file: Path, folder: Path, root: Path) -> str:
    """Return a file's path as told from the version's folder: so the same code elsewhere is the same."""
    if file.is_relative_to(folder):
        return file.relative_to(folder).as_posix()
    return f"/{file.relative_to(root).as_posix()}" if file.is_relative_to(root) else file.as_posix()
