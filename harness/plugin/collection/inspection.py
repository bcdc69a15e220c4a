"""Looks at a test function without running it, to find before the first request what could not work."""

from __future__ import annotations

import ast
import difflib
import functools
import inspect
import textwrap
import unittest
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import CaseError, MarkerError, choices
from harness.plugin.fixtures import OFFERED
from harness.plugin.pytest_internals import fixture_definitions
from harness.records import Case

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.stages.inference.blocks.plan import BlockPlan

_LACK = {"AttributeError", "KeyError", "LookupError", "Exception", "BaseException"}
_OF_EVERY_CASE = {name for name in dir(Case) if not name.startswith("_")}


@functools.lru_cache(maxsize=256)
def may_measure(function: Callable[..., Any]) -> bool:
    """Tell whether a test module speaks of `Measure`, whose threshold may lie outside [0, 1]."""
    module = inspect.getmodule(function)
    return "Measure" in vars(module or object) or "Measure" in _source(function)


def check_fields(function: Callable[..., Any], cases: Iterable[Case], *, where: str, has_cases: bool = True) -> None:
    """Refuse a `case.NAME` or `case["NAME"]` in the body that a case lacks.

    A name that the body asks for first (`"NAME" in case`, `hasattr(case, "NAME")`), or whose lack it catches, may be
    missing.

    Args:
        has_cases: False where the marker names none, and the function itself is the only case.

    Raises:
        CaseError: naming the field, its line and a case without it.
    """
    used = _reads(function, "case")
    if not used:
        return
    for case in cases:
        for written, (name, line) in used.items():
            if name not in case and written.removeprefix("case.") not in _OF_EVERY_CASE:
                nearest = difflib.get_close_matches(name, case, n=1)
                meant = f" Did you mean {nearest[0]!r}?" if nearest else ""
                meant = meant if has_cases else " The marker has no `cases=`: give it cases with that field."
                raise CaseError(
                    f"{where}, line {line}: {written}, but case {case.id!r} has no field {name!r}. "
                    f"Its fields: {', '.join(case)}.{meant}"
                )


def check_figures(function: Callable[..., Any], plan: BlockPlan, settings: Settings, *, where: str) -> None:
    """Refuse a `load.NAME` in the body that no block of the plan has, before the first of them is measured.

    Raises:
        MarkerError: naming the figure and its line.
    """
    from harness.stages.inference.blocks.measured import Load, unmeasurable

    known = [name for name in dir(Load) if not name.startswith("_")]
    for written, (name, line) in _reads(function, "load").items():
        if written != f"load.{name}":
            continue
        why = unmeasurable(name, plan, settings) if name in known else choices("figure", name, known)
        if why:
            raise MarkerError(f"{where}, line {line}: {written}. {why}")


def constant(node: ast.expr | None, function: Callable[..., Any]) -> Any:
    """The value of a constant, or of a name of the function's module; None for anything else."""
    if isinstance(node, ast.Name):
        return getattr(inspect.unwrap(function), "__globals__", {}).get(node.id)
    return node.value if isinstance(node, ast.Constant) else None


@functools.lru_cache(maxsize=256)
def _reads(function: Callable[..., Any], argument: str) -> dict[str, tuple[str, int]]:
    """Collect what is read as `ARGUMENT.NAME` or `ARGUMENT["NAME"]`: as it is written, the name and its first line.

    Left out is a name that the body compares with `in` or gives to a call such as `hasattr` or `case.get`, and what
    stands in a `try` that catches what the lack of a field raises.
    """
    tree = parsed(function)
    nodes = [] if tree is None else list(ast.walk(tree))
    asked_for: set[Any] = set()
    caught: set[ast.AST] = set()
    for node in nodes:
        given = node.args if isinstance(node, ast.Call) else []
        if isinstance(node, ast.Compare) and any(isinstance(how, ast.In | ast.NotIn) for how in node.ops):
            given = [node.left]
        asked_for.update(each.value for each in given if isinstance(each, ast.Constant))
        if isinstance(node, ast.Try) and any(map(_catches_lack, node.handlers)):
            caught.update(inner for statement in node.body for inner in ast.walk(statement))
    used: dict[str, tuple[str, int]] = {}
    for node in nodes:
        if not isinstance(node, ast.Attribute | ast.Subscript) or node in caught or not isinstance(node.ctx, ast.Load):
            continue
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node.slice, "value", None)
        if is_name(node.value, argument) and isinstance(name, str) and name not in asked_for:
            used.setdefault(ast.unparse(node), (name, first_line(function) + node.lineno - 1))
    return used


def _catches_lack(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or getattr(kind, "id", None) in _LACK for kind in kinds)


def is_name(node: ast.AST | None, name: str) -> bool:
    """Tell whether an expression is a name alone."""
    return isinstance(node, ast.Name) and node.id == name


def _source(function: Callable[..., Any]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""


@functools.lru_cache(maxsize=256)
def parsed(function: Callable[..., Any]) -> ast.AST | None:
    """The source of a function as a syntax tree; None where it has none that can be read."""
    try:
        return ast.parse(_source(function))
    except SyntaxError:
        return None


def first_line(function: Callable[..., Any]) -> int:
    """The line of its file in which a function's source begins."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return 1 if code is None else int(code.co_firstlineno)


def check_scores(function: Callable[..., Any], wants: Collection[str], *, where: str) -> str:
    """Refuse a body that asks and checks nothing: it would pass always.

    Args:
        wants: the fixtures of ours that it takes.

    Returns:
        What to note of a body that leaves it to others to check; "" for one that does so itself, or can't be seen.

    Raises:
        MarkerError: it has no assert, raise or returned value, and calls nothing but its fixtures.
    """
    body: list[ast.stmt] = getattr(parsed(function), "body", [])
    if not body or not isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef) or hasattr(function, "__wrapped__"):
        return ""
    nodes = [node for statement in body[0].body for node in ast.walk(statement)]
    if any(isinstance(node, _SAYS) or (isinstance(node, ast.Return) and node.value is not None) for node in nodes):
        return ""
    if all(_root(node.func) in wants for node in nodes if isinstance(node, ast.Call)):
        raise MarkerError(
            f"{where}, line {first_line(function)}: the body says nothing of the answer. Assert what must be so, or "
            "return a score; `return True` where it is enough that there is an answer."
        )
    return f"{where} returns nothing and asserts nothing itself: every answer scores 1 for which no call in it fails"


_SAYS = (ast.Assert, ast.Raise, ast.Yield, ast.YieldFrom)


def _root(node: ast.AST) -> str | None:
    """The name that a chain of attributes, calls and items begins with."""
    while not isinstance(node, ast.Name):
        inner = getattr(node, "value", None) or getattr(node, "func", None)
        if not isinstance(inner, ast.AST):
            return None
        node = inner
    return node.id


def check_kind(item: pytest.Function, *, where: str) -> None:
    """Refuse a test that can't be an evaluation.

    Raises:
        MarkerError: it is a method of a unittest.TestCase, or marked xfail.
    """
    if item.cls is not None and issubclass(item.cls, unittest.TestCase):
        raise MarkerError(
            f"{where} is a method of a unittest.TestCase, which gets no `case` and no `model`. Write a function, or a "
            "method of a class without a base."
        )
    if item.get_closest_marker("xfail") is not None:
        raise MarkerError(
            f"{where} is marked xfail, which would end a red gate with exit code 0. Skip it, or "
            "state the threshold and margin that are met today."
        )


def check_fixtures(item: pytest.Function, *, where: str) -> None:
    """Refuse a user's fixture that itself asks for what only a body has.

    Raises:
        MarkerError: naming the fixture.
    """
    for name, definitions in fixture_definitions(item).items():
        if name in OFFERED:
            continue
        for definition in definitions:
            wanted = [each for each in OFFERED if each in definition.argnames]
            if wanted:
                raise MarkerError(
                    f"{where}: the fixture {name!r} asks for {wanted[0]!r}. Fixtures are set up once for an "
                    f"evaluation, its body for each case and sample: take {wanted[0]!r} in the body and pass it on."
                )
