"""Finds the files that a module reaches: all that it imports of its project, and what these name or read."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.config.repository.git import Repository, stems_of
from harness.config.repository.imports import ImportedFiles, imported_by, module_files, parsed
from harness.config.repository.named_files import NamedFiles, named_in
from harness.errors import SettingsError

_CACHE = "__pycache__"
_SKIPPED = ("node_modules", "reports")
_NO_PATH = re.compile(r"[./\\]*")
_SCHEME = re.compile(r"[a-z][a-z0-9+]*:(///?)?")
_UNKNOWN = re.compile(r"[*?\[{%$]")
_MODULE = re.compile(r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*)(:[\w.]+)?")


@dataclass(slots=True)
class ReachedCode:
    """The files and packages that a module reaches.

    Attributes:
        files: its own, those of the modules of the project that it imports, and those that they name.
        packages: modules that it imports of what is installed, by their first names.
        needed: those of the packages without which a module can't be imported.
        untold: the first place where it reads something by a name that can't be told; "" for none.
    """

    files: set[Path] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)
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
        return sorted(files_below(folder, folder))
    root = repository.root
    known = [path for path in known if path.resolve().is_relative_to(root)]  # links of a worktree lead to the project
    shown = [path for path in known if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    return [file for path in shown for file in ([path] if path.is_file() else sorted(files_below(path)))]


def files_below(folder: Path, top: Path | None = None) -> Iterator[Path]:
    """Yield the files of a folder and of those in it or that links in it lead to, without hidden ones and caches.

    Args:
        top: of the project, where reports and the like are left out; deeper, a folder of such a name is its own.
    """
    seen: set[Path] = set()  # for a link may lead back
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if not place.is_dir() or place.name == _CACHE or place.resolve() in seen:
            continue
        seen.add(place.resolve())
        shown = sorted(path for path in place.iterdir() if not path.name.startswith("."))
        shown = [path for path in shown if path.name not in _SKIPPED or place != top]
        yield from (path for path in shown if path.is_file() and path.suffix != ".pyc")
        waiting += reversed(shown)


def reached_code(module: str, folder: Path, paths: Sequence[str]) -> ReachedCode:
    """Find what a module of a project reaches, without importing it; no files where it is not of the project.

    Args:
        module: its name.
        folder: where its process works, which relative paths start from.
        paths: where it is looked for, and all that it imports.
    """
    found, root = ReachedCode(), project_root(folder)
    waiting = sorted(module_files(module, folder, paths) or ())
    programs: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in found.files:
            continue
        found.files.add(file)
        tree = parsed(file) if file.suffix == ".py" else None
        if tree is None:
            continue
        beside = [str(file.parent)] if file in programs else []
        named, imported = named_in([tree], tree, file, {}), imported_by(tree, file, [*paths, *beside])
        imported.files |= _named_modules(named, file, [*paths, *beside])
        for name in named.modules:
            files = module_files(name, file, [*paths, *beside])
            imported.files.update(files or ())
            imported.missing.update(() if files else (name,))
            imported.needed.update(() if files else (name,))
        untold = named.untold or _untold(named, imported, file, folder, paths)
        if untold and not found.untold:
            found.untold = f"{file.relative_to(root) if file.is_relative_to(root) else file}, {untold}"
        found.packages |= _packages(imported.missing)
        found.needed |= _packages(imported.needed)
        others = _named(named, (file.parent, folder), root) - imported.files
        programs |= {place for place in others if place.suffix == ".py"}
        found.files |= others - programs
        waiting += [*imported.files, *sorted(programs)]
    return found


def imported_packages(file: Path) -> set[str]:
    """The first names of the modules that a file imports, but for those of the standard library and of its package."""
    tree = parsed(file) if file.suffix == ".py" else None
    return set() if tree is None else _packages(imported_by(tree, file, []).missing)


def _packages(modules: set[str]) -> set[str]:
    """The first names of modules that are not of the standard library."""
    return {first for name in modules if (first := name.partition(".")[0])} - sys.stdlib_module_names


def _untold(named: NamedFiles, imported: ImportedFiles, file: Path, folder: Path, paths: Sequence[str]) -> str:
    """Find where a file may read anything of the project: the folder as a whole, or modules of some other place."""
    for path, line in named.paths.items():
        if any(_holds(place / path, folder) for place in (file.parent, folder)):
            return f"line {line}: {path}"
    known = {Path(each).resolve() for each in paths}
    for places in named.searched:
        if places is None or any((folder / place).resolve() not in known for place in places):
            return "sys.path"
    return next((f"import of {name}" for name in sorted(imported.needed) if name.startswith(".")), "")


def _holds(place: Path, folder: Path) -> bool:
    """Tell whether a place is a folder or one above it."""
    try:
        return folder.resolve().is_relative_to(place.resolve())
    except (OSError, ValueError, RuntimeError):  # a name that no system takes
        return False


def _named(named: NamedFiles, folders: Sequence[Path], root: Path) -> set[Path]:
    """The files of a project that code names, those in folders that it names, and those that begin with a name of
    nothing that is there and a dot, which libraries append.
    """
    found: set[Path] = set()
    by_stem: dict[Path, dict[Path, list[Path]]] = {}
    texts = {Path(path): None for text in named.texts if not text.startswith("~") for path in _paths_in(text)}
    for path in (*texts, *named.paths):
        for folder in dict.fromkeys(folders):
            try:
                place = (folder / path).resolve()
                if not place.is_relative_to(root):  # by a link: what git ignores, of a project at a commit
                    place = Path(os.path.normpath(folder / path))
                if not place.is_relative_to(root) or _holds(place, folders[-1]):
                    continue
                is_there = place.exists()
                if not is_there and place.parent not in by_stem:
                    by_stem[place.parent] = _by_stem(place.parent)
            except (OSError, ValueError, RuntimeError):  # a name that no system takes
                continue
            if is_there:
                found.update([place] if place.is_file() else files_below(place))
            else:
                found.update(by_stem[place.parent].get(place, ()))
    return found


def _by_stem(folder: Path) -> dict[Path, list[Path]]:
    """The files of a folder, by the paths that they begin with."""
    found: dict[Path, list[Path]] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        for stem in stems_of(file) if file.is_file() else ():
            found.setdefault(stem, []).append(file)
    return found


def _paths_in(text: str) -> Iterator[str]:
    """Yield the paths that a text may be: itself, what follows another folder or a scheme (`/words.txt`,
    `sqlite:///a.db`), and of a pattern (`prompts/{}.txt`) the folder before what is not known.
    """
    rest = _SCHEME.sub("", text, count=1).lstrip("/")
    unknown = _UNKNOWN.search(rest)
    known = rest if unknown is None else rest[: unknown.start()].rpartition("/")[0]
    yield from (each for each in dict.fromkeys((text, known)) if not _NO_PATH.fullmatch(each))


def _named_modules(named: NamedFiles, file: Path, paths: Sequence[str]) -> set[Path]:
    """The files of modules of the project that texts name, as `shop.handlers.Mail` or `shop.bot:answer` do."""
    found: set[Path] = set()
    for text in named.texts:
        told = _MODULE.fullmatch(text) if "." in text or ":" in text else None
        name = "" if told is None else told[1]
        while name and (files := module_files(name, file, paths)) is None:
            name = name.rpartition(".")[0]
        found |= files or set() if name else set()
    return found
