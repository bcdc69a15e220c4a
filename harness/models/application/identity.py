"""The content that an application's answers depend on, as far as it can be told without running it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.repository.reach import all_files, files_below, project_root, reached_code
from harness.errors import SettingsError
from harness.models.application.engine import import_paths
from harness.models.files.content_hash import file_hash, text_hash

if TYPE_CHECKING:
    from harness.config import VersionSettings


def content_of(settings: VersionSettings, folder: Path) -> str:
    """A hash over the files that a version's answers depend on, and the releases of the packages that they import.

    They are those of the setting `files`; else those that the call reaches; else, where that can't be told, all of the
    project. Equal files in another folder give the same hash.

    Raises:
        SettingsError: a file of `files` is not there.
    """
    options = settings.engine_options
    packages: Iterable[str] = ()
    if "files" in options:
        files = _listed(options["files"], folder, settings.name)
    elif "call" in options:
        reached = reached_code(options["call"].partition(":")[0], folder, import_paths(folder))
        packages = reached.packages or {options["call"].partition(".")[0].partition(":")[0]}
        files = all_files(folder) if reached.untold else sorted(reached.files)
    else:
        files = all_files(folder)
    root = project_root(folder)
    parts = [part for file in files for part in (_place(file, root), file_hash(file))]
    return text_hash(*parts, *(_release(name) for name in sorted(packages)))


def _listed(names: str | Iterable[str], folder: Path, version: str) -> list[Path]:
    found: list[Path] = []
    for name in [names] if isinstance(names, str) else names:
        place = (folder / Path(name).expanduser()).resolve()
        if not place.exists():
            raise SettingsError(f"version {version!r}: files: {str(place)!r} is not there.")
        found += [place] if place.is_file() else files_below(place)
    return sorted(set(found))


def _place(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def _release(module: str) -> str:
    """The release of the package that a module is of, as it is installed here."""
    try:
        return f"{module} {importlib.metadata.version(module)}"
    except importlib.metadata.PackageNotFoundError:
        owners = importlib.metadata.packages_distributions().get(module, ())
    return " ".join([module, *(f"{owner} {importlib.metadata.version(owner)}" for owner in sorted(set(owners)))])
