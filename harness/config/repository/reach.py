"""Finds the files that a module reaches: all that it imports of its project, and what these name or read."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.config.repository.git import Repository
from harness.config.repository.imports import imported_by, module_files, parsed
from harness.config.repository.named_files import NamedFiles, named_in
from harness.errors import SettingsError

_SKIPPED = ("__pycache__", "node_modules", "reports")
_NO_PATH = re.compile(r"[./\\]*")


@dataclass(slots=True)
class ReachedCode:
    """What a module reaches.

    Attributes:
        files: its own, those of the modules of the project that it imports, and those that they name.
        packages: modules that it imports of what is installed, by their first names.
        untold: where it reads something by a name that can't be told, the first place; "" where it does not.
    """

    files: set[Path] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    untold: str = ""


def project_root(folder: Path) -> Path:
    """The root of the repository that a folder is in; the folder itself where it is in none."""
    try:
        return Repository(folder).root
    except SettingsError:
        return folder


def all_files(folder: Path) -> list[Path]:
    """The files of the project that a folder is in: those that git knows, or where there is no git those below it.

    Hidden files and folders, caches and reports are left out.
    """
    try:
        repository = Repository(folder)
        known = repository.known_files()
    except SettingsError:
        return sorted(files_below(folder))
    root = repository.root
    known = [path for path in known if path.resolve().is_relative_to(root)]  # links of a worktree lead to the project
    shown = [path for path in known if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    return [file for path in shown for file in ([path] if path.is_file() else sorted(files_below(path)))]


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, without hidden ones, caches and reports."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or path.name in _SKIPPED or path.name.endswith(".pyc"):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files_below(path)
        elif path.is_file():
            yield path


def reached_code(module: str, folder: Path, paths: Sequence[str]) -> ReachedCode:
    """What a module of a project reaches, without importing it; no files where it is not of the project.

    Args:
        module: its name.
        folder: where its process works, which relative paths start from.
        paths: where it is looked for, and all that it imports.
    """
    found, root = ReachedCode(), project_root(folder)
    waiting = sorted(module_files(module, folder, paths) or ())
    while waiting:
        file = waiting.pop()
        if file in found.files:
            continue
        found.files.add(file)
        tree = parsed(file) if file.suffix == ".py" else None
        if tree is None:
            continue
        named, imported = named_in([tree], tree, file, {}), imported_by(tree, file, paths)
        if named.untold and not found.untold:
            found.untold = f"{file.relative_to(root) if file.is_relative_to(root) else file}, {named.untold}"
        for name in named.modules:
            files = module_files(name, file, paths)
            imported.files.update(files or ())
            imported.missing.update(() if files else (name,))
        found.packages |= {name.partition(".")[0] for name in imported.missing} - sys.stdlib_module_names
        waiting += imported.files
        found.files.update(_named(named, (file.parent, folder), root) - imported.files)
    return found


def _named(named: NamedFiles, folders: Sequence[Path], root: Path) -> set[Path]:
    """The files of a project that code names, and those in folders that it names."""
    found: set[Path] = set()
    texts = [Path(text) for text in named.texts if not _NO_PATH.fullmatch(text) and not text.startswith("~")]
    for path in (*texts, *named.paths):
        for folder in dict.fromkeys(folders):
            try:
                place = (folder / path).resolve()
                if not place.is_relative_to(root):  # by a link: what git ignores, of a project at a commit
                    place = Path(os.path.normpath(folder / path))
                if not place.is_relative_to(root) or folder.is_relative_to(place) or not place.exists():
                    continue
            except (OSError, ValueError, RuntimeError):  # a name that no system takes
                continue
            found.update([place] if place.is_file() else files_below(place))
    return found
