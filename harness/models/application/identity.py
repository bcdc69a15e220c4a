"""The content that an application's answers depend on, as far as it can be told without running it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.repository.imports import is_installed
from harness.config.repository.reach import all_files, files_below, imported_packages, project_root, reached_code
from harness.errors import SettingsError
from harness.models.application.checkouts import move_to_checkout
from harness.models.application.engine import import_paths
from harness.models.application.look import find_packages
from harness.models.files.content_hash import file_hash, text_hash

if TYPE_CHECKING:
    from harness.config import VersionSettings

_Package = tuple[str | None, list[str]]


@dataclass(frozen=True, slots=True)
class ApplicationFiles:
    """The files and packages that the answers of an application depend on.

    Attributes:
        files: their paths, sorted.
        packages: modules that they import of what is installed, by their first names, and what tells their code:
            releases, or a hash of the files of what has none.
        all_since: why they are all files of the project: where it can't be told which it reads; "" where they are not.
    """

    files: tuple[Path, ...]
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    all_since: str = ""

    @property
    def are_all(self) -> bool:
        """Whether they are all files of the project."""
        return self.all_since != ""


def files_of(settings: VersionSettings, folder: Path, python: str = sys.executable) -> ApplicationFiles:
    """The files that a version's answers depend on: those of the setting `files`; else those that the call reaches; or,
    where that can't be told, all of the project.

    Args:
        folder: the version's.
        python: the interpreter that runs it.

    Raises:
        SettingsError: a file of `files` is not there, or the interpreter can't be run.
    """
    options = settings.engine_options
    listed = None if "files" not in options else _listed(options["files"], folder, settings)
    if "call" not in options:
        why = "" if listed is not None else "which files a command reads can't be told"
        return ApplicationFiles(tuple(listed or all_files(folder)), all_since=why)
    module = options["call"].partition(":")[0]
    reached = reached_code(module, folder, import_paths(folder))
    first = module.partition(".")[0]
    found = _found(settings, folder, python, reached.packages if reached.files else {first})
    roots = [project_root(folder), *([] if settings.checkout is None else [settings.checkout.project])]
    places = {name: Path(place).resolve() for name, (place, _) in found.items() if place is not None}
    packages = {name: (*each[1], *map(file_hash, _unreleased(*each))) for name, each in found.items()}
    lacking = (reached.needed if reached.files else {first}) - set(places)
    is_own = {each for each, at in places.items() if not is_installed(at) and any(map(at.is_relative_to, roots))}
    if listed is None and (reached.untold or lacking or is_own):
        untold = reached.untold or f"import of {', '.join(sorted(lacking or is_own))}"
        why = f"which ones {options['call']} reads can't be told ({untold})"
        return ApplicationFiles(tuple(sorted({*all_files(folder), *reached.files})), packages, why)
    return ApplicationFiles(tuple(listed or sorted(reached.files)), packages)


def content_of(settings: VersionSettings, folder: Path, python: str = sys.executable) -> str:
    """A hash over the files that a version's answers depend on, and the releases of the packages that they import.
    Equal files in another folder give the same hash.

    Raises:
        SettingsError: as `files_of`.
    """
    found, root = files_of(settings, folder, python), project_root(folder)
    parts = [part for file in found.files for part in (_place(file, folder, root), file_hash(file))]
    return text_hash(*parts, *(" ".join([name, *told]) for name, told in sorted(found.packages.items())))


def _found(settings: VersionSettings, folder: Path, python: str, modules: Iterable[str]) -> dict[str, _Package]:
    """Find where modules are installed, and of which release; with those that are imported by what has none."""
    found: dict[str, _Package] = {}
    waiting = set(modules)
    while waiting:
        found |= (new := find_packages(settings, folder, python, waiting))
        waiting = {name for each in new.values() for file in _unreleased(*each) for name in imported_packages(file)}
        waiting -= found.keys()
    return found


def _unreleased(place: str | None, releases: Iterable[str]) -> list[Path]:
    """List the files of a module that no package brought, or that lies where it is edited."""
    file = None if place is None else Path(place).resolve()
    if file is None or not file.exists() or (releases and is_installed(file)):
        return []
    code = file.parent if file.name == "__init__.py" else file
    return list(files_below(code)) if code.is_dir() else [code]


def _listed(names: str | Iterable[str], folder: Path, settings: VersionSettings) -> list[Path]:
    found: list[Path] = []
    for name in [names] if isinstance(names, str) else names:
        named = move_to_checkout(settings, Path(name).expanduser())
        place = Path(os.path.normpath(folder / named))  # by its own name, where it is a link
        if not place.exists():
            raise SettingsError(f"version {settings.name!r}: files: {str(place)!r} is not there.")
        found += [place] if place.is_file() else files_below(place, folder)
    return sorted(set(found))


def _place(file: Path, folder: Path, root: Path) -> str:
    """Return a file's path as told from the version's folder: so the same code elsewhere is the same."""
    if file.is_relative_to(folder):
        return file.relative_to(folder).as_posix()
    return f"/{file.relative_to(root).as_posix()}" if file.is_relative_to(root) else file.as_posix()
