"""Finds the files that the import statements of Python code lead to, without running them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path

_INSTALLED = ("site-packages", "dist-packages")


@dataclass(slots=True)
class ImportedFiles:
    """The files and names that import statements lead to.

    Attributes:
        files: of modules, and of the packages that they lie in.
        missing: names for which there is no module now.
        needed: those of them that are imported where nothing is done about their lack.
    """

    files: set[Path] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)


def imported_by(tree: ast.AST, file: Path, paths: Sequence[str] | None = None) -> ImportedFiles:
    """The modules that code imports, wherever in it.

    Args:
        tree: the code.
        file: its path; modules beside it are found as well as those of `sys.path`.
        paths: in place of these, where they are looked for alone.
    """
    found, guarded = ImportedFiles(), set(_guarded(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        one = _imported(node, file, paths)
        found.files |= one.files
        found.missing |= one.missing
        found.needed |= set() if node in guarded else one.missing
    return found


def _imported(node: ast.Import | ast.ImportFrom, file: Path, paths: Sequence[str] | None) -> ImportedFiles:
    found = ImportedFiles()
    if isinstance(node, ast.Import):
        for alias in node.names:
            _add(found, alias.name, file, paths)
    elif node.level:
        _add_relative(found, node, file)
    else:
        _add(found, node.module or "", file, paths)
        for alias in node.names:
            _add_member(found, f"{node.module}.{alias.name}", file, paths)
    return found


def _guarded(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what is within a `try` that goes on without a module, or is for type checkers alone."""
    for node in ast.walk(tree):
        match node:
            case ast.Try(handlers=handlers) if any(_catches_lack(each.type) for each in handlers):
                pass
            case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                pass
            case _:
                continue
        yield from (inner for each in node.body for inner in ast.walk(each))


def _catches_lack(caught: ast.expr | None) -> bool:
    """Tell whether what an `except` names takes the error of a module that is not there."""
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    known = ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")
    return any(each is None or (isinstance(each, ast.Name) and each.id in known) for each in names)


def module_files(name: str, file: Path, paths: Sequence[str] | None = None) -> set[Path] | None:
    """The files of a module and of the packages around it; None where there is no such module.

    No package is imported for that. A name with dots before it is told from the package that the file lies in.
    """
    if name.startswith("."):
        relative = name.lstrip(".")
        beside = ImportedFiles()
        _add_relative(beside, ast.ImportFrom(relative or None, [], len(name) - len(relative)), file)
        return None if beside.missing else beside.files
    found: set[Path] = set()
    folders: list[str] | None = None
    for end in range(1, name.count(".") + 2):
        part = ".".join(name.split(".")[:end])
        spec = _spec(part, folders, file) if paths is None else _found(part, folders or list(paths))
        if spec is None:
            return None
        if spec.origin is not None and spec.has_location:
            found.add(Path(spec.origin))
        folders = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
        is_loaded = paths is None and name in sys.modules  # `os.path` is, and no module of a package
        if folders is None and part != name and not is_loaded:
            return None
    return found


def _found(name: str, folders: list[str]) -> importlib.machinery.ModuleSpec | None:
    """Find a module in folders; by its last name, for of packages without `__init__` the whole one is not imported."""
    return PathFinder.find_spec(name.rpartition(".")[2], folders)


def _spec(name: str, folders: list[str] | None, file: Path) -> importlib.machinery.ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is not None:
        return loaded.__spec__
    if folders is not None:
        return _found(name, folders)
    if "." in name:
        return None
    beside = PathFinder.find_spec(name, [str(file.parent)])
    try:
        return beside or importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):  # a module whose finder is broken, or that has no spec
        return None


def _add(found: ImportedFiles, name: str, file: Path, paths: Sequence[str] | None) -> None:
    files = module_files(name, file, paths)
    if files is None:
        found.missing.add(name)
    else:
        found.files |= files


def _add_member(found: ImportedFiles, name: str, file: Path, paths: Sequence[str] | None) -> None:
    """Add what `from a import b` takes where it is a module of a package, not something else that the package has."""
    files = module_files(name, file, paths) if not name.endswith(".*") else None
    if files is not None:
        found.files |= files


def _add_relative(found: ImportedFiles, node: ast.ImportFrom, file: Path) -> None:
    folder = file.parents[min(node.level, len(file.parents)) - 1]
    base = folder.joinpath(*(node.module or "").split(".")) if node.module else folder
    places = list(_of_package(base))
    for alias in node.names:
        places += _of_package(base / alias.name)
    if node.module and not any(place.exists() for place in _of_package(base)):
        found.missing.add(node.module)
    found.files.update(place for place in places if place.is_file())
    between = [parent for parent in base.parents if parent.is_relative_to(folder)]
    found.files.update(place for each in between if (place := each / "__init__.py").is_file())


def _of_package(base: Path) -> Iterator[Path]:
    """Yield the paths where the code of a module may lie."""
    yield base.with_suffix(".py") if not base.suffix else base.parent / f"{base.name}.py"
    yield base / "__init__.py"


def is_installed(place: Path) -> bool:
    """Tell whether a file, or a folder, is of what is installed and not of a project."""
    return bool(set(place.parts) & set(_INSTALLED)) or place.is_relative_to(Path(sys.prefix).resolve())


def parsed(file: Path) -> ast.Module | None:
    """The code of a file; None where it can't be read or understood."""
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def values_of(files: Iterable[Path]) -> dict[Path, dict[str, object]]:
    """The names and values of the modules of these files, as far as they are imported."""
    wanted = set(files)
    found: dict[Path, dict[str, object]] = {}
    for module in list(sys.modules.values()):
        place = getattr(module, "__file__", None)
        if isinstance(place, str) and Path(place) in wanted:
            found[Path(place)] = vars(module)
    return found
