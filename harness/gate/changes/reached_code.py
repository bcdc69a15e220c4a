"""Which parts of a test module one test function comes to."""

from __future__ import annotations

import ast
from collections.abc import Iterable

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
    """Whether pytest runs or reads it whichever test is asked for: fixtures, hooks, marks of the module."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        is_test = statement.name.lower().startswith("test")
        return statement.name.startswith("pytest_") or (bool(statement.decorator_list) and not is_test)
    return any(name in _ALWAYS for name in names)


def _names_used(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
