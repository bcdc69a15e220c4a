"""The content that an application's answers depend on, as far as it can be told without running it."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.repository.imports import is_installed
from harness.config.repository.reach import all_files, files_below, project_root, reached_code
from harness.errors import SettingsError
from harness.models.application.engine import import_paths
from harness.models.files.content_hash import file_hash, text_hash

if TYPE_CHECKING:
    from harness.config import VersionSettings


@dataclass(frozen=True, slots=True)
class ApplicationFiles:
    """What the answers of an application depend on.

    Attributes:
        files: their paths, sorted.
        packages: modules that they import of what is installed, by their first names.
        are_all: whether they are all files of the project, since it can't be told which it reads.
    """

    files: tuple[Path, ...]
    packages: frozenset[str] = frozenset()
    are_all: bool = False


def files_of(settings: VersionSettings, folder: Path) -> ApplicationFiles:
    """The files that a version's answers depend on: those of the setting `files`; else those that the call reaches; or,
    where that can't be told, all of the project.

    Raises:
        SettingsError: a file of `files` is not there.
    """
    options = settings.engine_options
    listed = None if "files" not in options else _listed(options["files"], folder, settings.name)
    if "call" not in options:
        return ApplicationFiles(tuple(listed or all_files(folder)), are_all=listed is None)
    module = options["call"].partition(":")[0]
    reached = reached_code(module, folder, import_paths(folder))
    packages = frozenset(reached.packages if reached.files else {module.partition(".")[0]})
    is_untold = reached.untold or any(_is_elsewhere(name, settings, folder) for name in packages)
    if listed is None and is_untold:
        return ApplicationFiles(tuple(all_files(folder)), packages, are_all=True)
    return ApplicationFiles(tuple(listed or sorted(reached.files)), packages)


def content_of(settings: VersionSettings, folder: Path) -> str:
    """A hash over the files that a version's answers depend on, and the releases of the packages that they import.
    Equal files in another folder give the same hash.

    Raises:
        SettingsError: as `files_of`.
    """
    found, root = files_of(settings, folder), project_root(folder)
    parts = [part for file in found.files for part in (_place(file, folder, root), file_hash(file))]
    return text_hash(*parts, *map(_release, sorted(found.packages)))


def _is_elsewhere(module: str, settings: VersionSettings, folder: Path) -> bool:
    """Tell whether a module is of the project and found where only the environment leads, as after an editable install;
    or can't be found here, and another interpreter may know of it.
    """
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):  # a module whose finder is broken, or that has no spec
        spec = None
    if spec is None:
        return "python" in settings.engine_options
    root = project_root(folder) if settings.checkout is None else settings.checkout.project
    place = Path(spec.origin or next(iter(spec.submodule_search_locations or ()), "/")).resolve()
    return place.is_relative_to(root) and not is_installed(place)


def _listed(names: str | Iterable[str], folder: Path, version: str) -> list[Path]:
    found: list[Path] = []
    for name in [names] if isinstance(names, str) else names:
        place = Path(os.path.normpath(folder / Path(name).expanduser()))  # by its own name, where it is a link
        if not place.exists():
            raise SettingsError(f"version {version!r}: files: {str(place)!r} is not there.")
        found += [place] if place.is_file() else files_below(place)
    return sorted(set(found))


def _place(file: Path, folder: Path, root: Path) -> str:
    """Where a file lies, told from the version's folder: so the same code elsewhere is the same."""
    if file.is_relative_to(folder):
        return file.relative_to(folder).as_posix()
    return f"/{file.relative_to(root).as_posix()}" if file.is_relative_to(root) else file.as_posix()


def _release(module: str) -> str:
    """The release of the package that a module is of, as it is installed here."""
    try:
        return f"{module} {importlib.metadata.version(module)}"
    except importlib.metadata.PackageNotFoundError:
        owners = _owners().get(module, ())
    return " ".join([module, *(f"{owner} {importlib.metadata.version(owner)}" for owner in sorted(set(owners)))])


@functools.cache
def _owners() -> Mapping[str, Sequence[str]]:
    """The packages that brought each module; found once, for it takes a while."""
    return importlib.metadata.packages_distributions()
