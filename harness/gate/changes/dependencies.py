"""Finds what an evaluation depends on, as far as its code tells, and why that makes it run after a change."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import harness
from harness.config.repository.git import ChangedFiles
from harness.config.repository.imports import imported_by, is_installed, module_files, parsed, values_of
from harness.config.repository.named_files import NamedFiles, named_in

_TASKS = (".yaml", ".yml")
_DATA = (".csv", ".json", ".jsonl", ".tsv")
_TOKEN = re.compile(r"[\w./-]+")
_WHAT = "\0"
"""Stands for what a module is to those who use it."""
_USER = "SimulatedUser"
_NO_PATH = re.compile(r"[./\\]*")


@dataclass(frozen=True, slots=True)
class EvaluationCode:
    """An evaluation, as far as one must know it to tell what it depends on.

    Attributes:
        module: the file of its test function; None for a task that has none.
        function, cls: the name of the test function, and of the class that it is in.
        files: that its marker names, each with what it is to it; of a folder all files.
        code: files of conftest.py and plugins that take part in running it.
        names_cases: whether `files` has all that its marker says.
    """

    module: Path | None
    function: str = ""
    cls: str | None = None
    files: Mapping[Path, str] = field(default_factory=dict)
    code: tuple[Path, ...] = ()
    names_cases: bool = False


class Dependencies:
    """Tells why an evaluation may be concerned by what changed.

    Args:
        changed: what did.
        root: the folder of the project's settings.
        folders: where files that tests name are looked for, beside that of the test.
        for_users: why code that has simulated users is concerned by what changed; None where it is not.
    """

    def __init__(
        self, changed: ChangedFiles, root: Path, folders: Iterable[Path], for_users: str | None = None
    ) -> None:
        self._changed = changed
        self._root = root.resolve()
        self._folders = tuple(folders)
        self._for_users = for_users
        self._modules: dict[Path, tuple[str | None, list[Path]]] = {}

    def why(self, subject: EvaluationCode) -> str | None:
        """Say why the evaluation may be concerned; None where nothing that it depends on is known to have changed."""
        for path, what in subject.files.items():
            if found := self.why_file(path, what) or self._why_text_file(path):
                return found
        if subject.module is not None and (found := self._why_test(subject, subject.module)):
            return found
        return self.why_code(subject.code, "which takes part in its run")

    def why_code(self, files: Iterable[Path], what: str) -> str | None:
        """Say why modules, as far as they are the project's, and all that they import concern those who use them."""
        return self._why_code(filter(self._is_of_project, files), what)

    def why_file(self, path: Path, what: str) -> str | None:
        """Say why a file, or the files of a folder, concern those who depend on it: changed, or not known to git."""
        found = self._changed.within(path)
        if found is not None:
            return f"{self._shown(found)} changed, {what}"
        unknown = self._changed.find_unknown(path)
        return None if unknown is None else f"git does not know {self._shown(unknown)}, {what}"

    def _shown(self, path: Path) -> str:
        for root in (self._root, self._changed.root):
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return str(path)

    def _why_text_file(self, path: Path) -> str | None:
        """Say why a file of cases or of a task concerns its evaluation by what it names: other files that are read."""
        if path.suffix not in (*_TASKS, *_DATA):
            return None
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        folders = (path.parent, *self._folders)
        tokens = set(_TOKEN.findall(text))
        if path.suffix in _DATA:  # may be large: no place is looked up for what can't be one
            tokens = {token for token in tokens if not self._changed.names.isdisjoint(token.split("/"))}
        found = (self._why_name(token, folders, f"named in {path.name}") for token in sorted(tokens))
        return next(filter(None, found), None)

    def _why_test(self, subject: EvaluationCode, module: Path) -> str | None:
        if found := self.why_file(module, "its test file"):
            return found
        for path in self._changed.paths:  # one that is gone takes no part any more
            if path.name == "conftest.py" and module.resolve().is_relative_to(path.parent):
                return f"{self._shown(path)} changed, above its test file"
        tree = parsed(module)
        if tree is None:
            return f"{self._shown(module)} can't be read, its test file"
        nodes = reached(tree, subject.function, subject.cls, without_marker=subject.names_cases)
        found, imported = self._why_tree(tree, nodes, module)
        return found or self._why_code(imported, f"which {self._shown(module)} imports")

    def _why_code(self, files: Iterable[Path], what: str) -> str | None:
        """Say why modules, and all that they import, concern those who use them."""
        waiting, seen = [(file, what) for file in files], set[Path]()
        while waiting:
            file, what = waiting.pop(0)
            if file in seen:
                continue
            seen.add(file)
            if file not in self._modules:
                self._modules[file] = self._module(file)
            found, imported = self._modules[file]
            if found is not None:
                return found.replace(_WHAT, what)
            waiting += [(each, f"which {self._shown(file)} imports") for each in imported]
        return None

    def _module(self, file: Path) -> tuple[str | None, list[Path]]:
        """Say why a module by itself concerns those who use it, and list the project's modules that it imports."""
        if found := self.why_file(file, _WHAT):
            return found, []
        if file.suffix != ".py":
            return None, []
        tree = parsed(file)
        if tree is None:
            return f"{self._shown(file)} can't be read, {_WHAT}", []
        return self._why_tree(tree, [tree], file)

    def _why_tree(self, tree: ast.Module, nodes: Sequence[ast.AST], file: Path) -> tuple[str | None, list[Path]]:
        """Say why what a module names concerns those who use it, and list the project's modules that it imports."""
        named = named_in(nodes, tree, file, self._values.get(file, {}))
        imported = imported_by(tree, file)
        for name in named.modules:
            files = module_files(name, file)
            imported.missing.update({name.lstrip(".")} if files is None else ())
            imported.files.update(files or ())
        gone = next(filter(None, map(self._gone, sorted(imported.missing))), None)
        found = None if gone is None else f"{self._shown(gone)} changed, which {self._shown(file)} imports"
        played = self._for_users if self._for_users and _has_users(nodes, tree) else None
        return self._why_named(named, file) or found or played, sorted(filter(self._is_of_project, imported.files))

    def _why_named(self, named: NamedFiles, file: Path) -> str | None:
        where = self._shown(file)
        if named.untold:
            return f"it may read any file ({where}, {named.untold})"
        folders = (file.parent, *self._folders)
        for text, line in named.texts.items():
            if found := self._why_name(text, folders, f"named in {where}, line {line}"):
                return found
        for path, line in named.paths.items():
            for place in self._places(path, folders):
                if found := self.why_file(place, f"named in {where}, line {line}"):
                    return found
        return None

    def _why_name(self, text: str, folders: Iterable[Path], what: str) -> str | None:
        """Say why a text that may be a path concerns those who have it; what lies outside the repository does not."""
        if _NO_PATH.fullmatch(text) or text.startswith("~"):
            return None
        for place in self._places(Path(text), folders):
            inside = place.is_relative_to(self._changed.root) and not self._root.is_relative_to(place)
            if inside and (found := self.why_file(place, what)):
                return found
        return None

    def _places(self, path: Path, folders: Iterable[Path]) -> Iterator[Path]:
        """Yield where a path may lead from each folder, made short. A name that no system takes leads nowhere."""
        for folder in dict.fromkeys(folders):
            try:
                yield (folder / path).parent.resolve() / path.name if path.name != ".." else (folder / path).resolve()
            except (OSError, ValueError, RuntimeError):
                continue

    def _gone(self, name: str) -> Path | None:
        """A changed file that a module of this name may have lain in."""
        parts = name.split(".")
        for path in self._changed.paths:
            stem = path.with_suffix("") if path.suffix == ".py" else path
            stem = stem.parent if stem.name == "__init__" else stem
            if stem.parts[-len(parts) :] == tuple(parts) and path.suffix in (".py", ""):
                return path
        return None

    def _is_of_project(self, file: Path) -> bool:
        """Tell whether a module is of the project's repository, and neither of what is installed nor of Steelyard."""
        place = file.resolve()
        return (
            place.is_relative_to(self._changed.root)
            and not is_installed(place)
            and not place.is_relative_to(Path(harness.__file__).parent.resolve())
        )

    @cached_property
    def _values(self) -> dict[Path, dict[str, object]]:
        files = [Path(place) for module in list(sys.modules.values()) if (place := getattr(module, "__file__", None))]
        return values_of(filter(self._is_of_project, files))


_ALWAYS = ("pytestmark", "pytest_plugins")


def reached(tree: ast.Module, function: str, cls: str | None = None, *, without_marker: bool = False) -> list[ast.AST]:
    """The parts of a module that a test function runs or may run: itself, what it names, fixtures, hooks, and what is
    done on import; the whole module where the function is not written in it.

    Args:
        cls: the class that it belongs to.
        without_marker: leave out what its evaluation marker says.
    """
    own: list[ast.AST] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == (cls or function)
    ]
    if not own:
        return [tree]
    named: dict[str, list[ast.AST]] = {}
    waiting: list[ast.AST] = [part for node in own for part in _parts(node, without_marker=without_marker)]
    for statement in tree.body:
        names = _names_given(statement)
        if names is None or _always_runs(statement, names):
            waiting.append(statement)
        for name in names or ():
            named.setdefault(name, []).append(statement)
    found: dict[int, ast.AST] = {}
    while waiting:
        node = waiting.pop()
        if id(node) not in found and node not in own:
            found[id(node)] = node
            for name in _names_used(node):
                waiting += named.get(name, ())
    return list(found.values())


def _parts(node: ast.AST, *, without_marker: bool) -> Iterable[ast.AST]:
    """A function in parts, so that its marker can be left out."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return list(ast.iter_child_nodes(node))
    decorators = [each for each in node.decorator_list if not (without_marker and _is_marker(each))]
    return [node.args, *decorators, *node.body]


def _is_marker(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.evaluation"


def _names_given(statement: ast.stmt) -> list[str] | None:
    """The names that a statement defines and does nothing else; None for one that does more."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    if targets and all(isinstance(target, ast.Name) for target in targets):
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return None


def _always_runs(statement: ast.stmt, names: list[str]) -> bool:
    """Tell whether pytest runs or reads it whichever test is asked for: fixtures, hooks, marks of the module."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        is_test = statement.name.lower().startswith("test")
        return statement.name.startswith("pytest_") or (bool(statement.decorator_list) and not is_test)
    return any(name in _ALWAYS for name in names)


def _has_users(nodes: Iterable[ast.AST], tree: ast.Module) -> bool:
    """Tell whether parts of a module name the class of simulated users, or the module imports it by another name."""
    names = {_name_in(node) for outer in nodes for node in ast.walk(outer)}
    imported = {
        each.name for each in ast.walk(tree) if isinstance(each, ast.alias) and each.asname not in (None, _USER)
    }
    return _USER in names | imported


def _name_in(node: ast.AST) -> object:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=name) | ast.alias(name=name):
            return name
    return None


def _names_used(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
