"""Works out the paths that expressions of Python code come to, without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

LISTING = ("iterdir", "glob", "rglob")
_SAME_PLACE = ("resolve", "absolute", "expanduser", "as_posix")
_WRAPPING = ("str", "sorted", "list", "tuple", "set", "reversed", "os.fspath", "os.path.abspath", "os.path.realpath")
_HERE = ("Path", "pathlib.Path", "Path.cwd", "pathlib.Path.cwd", "os.getcwd")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.comprehension, ast.For, ast.AsyncFor, ast.While)
"""Code in which a name may have had several values, of which a module that was imported keeps the last."""


class PathExpressions:
    """Works out paths. Of one that is known in part, it is the folder that is known.

    Args:
        tree: the module whose expressions they are.
        file: its path, for `__file__`.
        values: of the module's names, as far as it was imported.
    """

    def __init__(self, tree: ast.Module, file: Path, values: Mapping[str, Any]) -> None:
        self._file = file
        self._values = values
        self._given: dict[str, list[ast.expr]] = {}
        self._arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        self._open: set[str] = set()
        self._is_partial = False
        self._modules, self._members = _imported(tree)
        for scope in ast.walk(tree):
            if isinstance(scope, _SCOPES):
                self._bind(ast.walk(scope))
        self._bind(node for node in tree.body for name, _ in _bindings(node) if name not in values)

    def _bind(self, nodes: Iterable[ast.AST]) -> None:
        """Note the names that are given values within a function or a loop, or in a module that was not imported."""
        for node in nodes:
            for name, value in _bindings(node):
                known = self._given.setdefault(name, [])
                known += [] if any(each is value for each in known) else [value]

    def name_of(self, function: ast.expr) -> str:
        """The full name of what is called, whatever the module calls it; "" for what has none, as what a call gives."""
        if not isinstance(function, ast.Name | ast.Attribute):
            return ""
        first, dot, others = ast.unparse(function).partition(".")
        return f"{self._modules.get(first) or self._members.get(first, first)}{dot}{others}"

    def is_code(self, function: ast.expr) -> bool:
        """Tell whether a method is that of a module or a class, and not of a path."""
        if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
            return False
        if function.value.id in self._modules:
            return True
        value = self._values.get(function.value.id)
        return isinstance(value, type) or hasattr(value, "__spec__")

    def of(self, node: ast.expr) -> tuple[Path, ...] | None:
        """The paths that an expression may be, absolute or relative; None where that can't be told."""
        match node:
            case ast.Constant(value=str(text)) if text:
                return (Path(text),)
            case ast.Name(id=name):
                return self._of_name(name)
            case ast.Attribute(value=inner, attr="parent"):
                return _parents(self.of(inner), 0)
            case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(number))):
                return _parents(self.of(inner), number)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined([left, right])
            case ast.JoinedStr():
                return self._of_formatted(node)
            case ast.IfExp(body=body, orelse=other):
                return self._all([body, other])
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) if parts:
                return self._all(parts)
            case ast.Call():
                return self._of_call(node)
            case _:
                return None

    def whole(self, node: ast.expr) -> tuple[Path, ...] | None:
        """As `of`, and None as well where a path is known in part."""
        self._is_partial = False
        found = self.of(node)
        return None if self._is_partial else found

    def _of_name(self, name: str) -> tuple[Path, ...] | None:
        if name == "__file__":
            return (self._file,)
        if name in self._arguments or name in self._open:
            return None
        if name not in self._given:
            return _of_value(self._values.get(name))
        self._open.add(name)
        try:
            return self._all(self._given[name])
        finally:
            self._open.discard(name)

    def _all(self, nodes: Iterable[ast.expr]) -> tuple[Path, ...] | None:
        found = [self.of(node) for node in nodes]
        if any(each is None for each in found):
            return None
        return tuple(dict.fromkeys(path for each in found for path in each or ()))

    def _joined(self, nodes: Iterable[ast.expr]) -> tuple[Path, ...] | None:
        """Paths one behind the other, up to the first that can't be told."""
        first, *others = nodes
        found = self.of(first)
        for node in others:
            behind = self.of(node)
            if found is None or behind is None:
                self._is_partial = True
                break
            found = tuple(one / other for one in found for other in behind)
        return found

    def _of_formatted(self, node: ast.JoinedStr) -> tuple[Path, ...] | None:
        """A text with values in it: from the first that can't be told on, the folder that is known."""
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
                continue
            known = self.of(part.value) if isinstance(part, ast.FormattedValue) else None
            if known is None or len(known) != 1:
                self._is_partial = True
                folder = text.rpartition("/")[0]
                return (Path(folder),) if folder else None
            text += str(known[0])
        return (Path(text),) if text else None

    def _renamed(self, path: ast.expr, how: str, node: ast.expr) -> tuple[Path, ...] | None:
        """Paths with another name or ending in the place of their own."""
        found = self.of(path)
        if found is None or not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            return None
        try:
            return tuple(getattr(each, how)(node.value) for each in found)
        except ValueError:  # what is no name
            return None

    def _of_call(self, node: ast.Call) -> tuple[Path, ...] | None:
        name = self.name_of(node.func)
        if name in ("Path", "pathlib.Path", "os.path.join") and node.args:
            return self._joined(node.args)
        if name in _HERE and not node.args:
            return (Path(),)
        if name in _WRAPPING and node.args:
            return self.of(node.args[0])
        if name == "os.path.dirname" and node.args:
            return _parents(self.of(node.args[0]), 0)
        if not isinstance(node.func, ast.Attribute):
            return None
        if node.func.attr == "joinpath":
            return self._joined([node.func.value, *node.args])
        if node.func.attr in ("with_name", "with_suffix") and len(node.args) == 1:
            return self._renamed(node.func.value, node.func.attr, node.args[0])
        self._is_partial |= node.func.attr in LISTING
        return self.of(node.func.value) if node.func.attr in (*_SAME_PLACE, *LISTING) else None


def _parents(paths: tuple[Path, ...] | None, number: int) -> tuple[Path, ...] | None:
    """The folders so many levels above."""
    if paths is None or number < 0:
        return None
    return tuple(path.parents[min(number, len(path.parents) - 1)] if path.parents else path for path in paths)


def _of_value(value: Any) -> tuple[Path, ...] | None:
    """The paths that the value of a name holds."""
    if isinstance(value, str | Path):
        return (Path(value),) if str(value) else None
    if isinstance(value, list | tuple) and value and all(isinstance(each, str | Path) for each in value):
        return tuple(Path(each) for each in value)
    return None


def _imported(tree: ast.Module) -> tuple[dict[str, str], dict[str, str]]:
    """Map the names that a module imports to what they stand for: modules, and members of modules."""
    modules: dict[str, str] = {}
    members: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {each.asname: each.name for each in node.names if each.asname is not None}
            modules |= {first: first for each in node.names if not each.asname and (first := each.name.split(".")[0])}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            members |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return modules, members


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement gives a value, and the value; of a loop what it goes through."""
    targets: list[ast.expr] = []
    value: ast.expr | None = None
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        targets, value = [node.target], node.value
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        targets, value = [node.target], node.iter
    for target in targets:
        if isinstance(target, ast.Name) and value is not None:
            yield target.id, value
