"""Looks at a test function without running it, to find before the first request what could not work.

Only what can be seen is checked: of a rubric or a metric a constant in the body, or the name of one in its module.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CaseError, CheckError, MarkerError, RubricError, choices, nearest
from harness.records import Case
from harness.records.samples import may_lack
from harness.scoring.judging import Rubrics
from harness.scoring.judging.prompts import fields_shown
from harness.scoring.registered import registered

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.stages.inference.blocks.plan import BlockPlan

_LACK = {"AttributeError", "KeyError", "LookupError", "Exception", "BaseException"}
_SAYS = (ast.Assert, ast.Raise, ast.Yield, ast.YieldFrom)
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
    for case in cases if used else ():
        for written, (name, place) in used.items():
            if name not in case and written.removeprefix("case.") not in _OF_EVERY_CASE:
                hint = f"{nearest(name, list(case))} {may_lack(name)}"
                hint = hint if has_cases else " The marker has no `cases=`: give it cases with that field."
                raise CaseError(
                    f"{where}, {place}: {written}, but case {case.id!r} has no field {name!r}. "
                    f"Its fields: {', '.join(case)}.{hint}"
                )


def check_figures(function: Callable[..., Any], plan: BlockPlan, settings: Settings, *, where: str) -> None:
    """Refuse a `load.NAME` in the body that no block of the plan has, before the first of them is measured.

    Raises:
        MarkerError: naming the figure and its line.
    """
    from harness.stages.inference.blocks.measured import Load, unmeasurable

    known = [name for name in dir(Load) if not name.startswith("_")]
    for written, (name, place) in _reads(function, "load").items():
        if written == f"load.{name}":
            why = unmeasurable(name, plan, settings) if name in known else choices("figure", name, known)
            if why:
                raise MarkerError(f"{where}, {place}: {written}. {why}")


def check_rubrics(function: Callable[..., Any], rubrics: Rubrics, cases: Iterable[Case], *, where: str) -> None:
    """Refuse a rubric that is not there or is malformed, and a case without the fields that it shows the judge.

    Raises:
        RubricError, CaseError: with the test function and its line.
    """
    for method in ("rate", "prefer"):
        for node in _asked(function, method):
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            path, place = _constant(given.get("rubric"), function), f"{where}, {_line(node, function)}"
            if not isinstance(path, str | Path):
                continue
            try:
                rubric = rubrics.get(path)
                if method == "rate":
                    rubric.check_scale(weighted=_constant(given.get("weighted"), function) is True)
            except RubricError as error:
                raise RubricError(f"{place}: {error}") from None
            wanted = [] if rubric.reference is None or "reference" in given else [rubric.reference]
            for case in cases if _is_name(given.get("case"), "case") else ():
                for name in (*fields_shown(rubric, case), *wanted):
                    if name not in case:
                        raise CaseError(
                            f"{place}: {rubric.place} shows the judge the field {name!r} of the case, and case "
                            f"{case.id!r} has none. Its fields: {', '.join(case)}."
                        )


def check_metrics(function: Callable[..., Any], *, where: str) -> None:
    """Refuse a metric of deepeval that there is not, or that judges no single answer.

    Raises:
        MarkerError: with the test function and its line.
    """
    for node in _asked(function, "measure"):
        metric = _constant(node.args[0], function) if node.args else None
        if isinstance(metric, str | type):
            try:
                registered("deepeval").check_metric(metric)
            except CheckError as error:
                raise MarkerError(f"{where}, {_line(node, function)}: {error}") from None


def check_review(function: Callable[..., Any], *, where: str, is_pairwise: bool) -> None:
    """Refuse `review=` where nothing says what to ask people: they are asked what the judge is, by the same rubric.

    Raises:
        MarkerError: with what to write.
    """
    method, what = ("prefer", "compares both versions") if is_pairwise else ("rate", "looks at one answer")
    if not any(_asked(function, method)):
        raise MarkerError(
            f"{where}: review= asks people what the judge was asked, by its rubric, and this body, which {what}, has "
            f"no `judge.{method}(…, rubric=…)`. Write it in the body itself, or leave review= out."
        )


def check_scores(function: Callable[..., Any], wants: Collection[str], *, where: str) -> str:
    """Refuse a body that asks and checks nothing: it would pass always.

    Args:
        wants: the fixtures of ours that it takes.

    Returns:
        What to note of a body that leaves it to others to check; "" for one that does so itself, or can't be seen.

    Raises:
        MarkerError: it has no assert, raise or returned value, and calls nothing but its fixtures.
    """
    body = _parsed(function).body
    if not body or not isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef) or hasattr(function, "__wrapped__"):
        return ""
    nodes = [node for statement in body[0].body for node in ast.walk(statement)]
    if any(isinstance(node, _SAYS) or (isinstance(node, ast.Return) and node.value is not None) for node in nodes):
        return ""
    if all(_root(node.func) in wants for node in nodes if isinstance(node, ast.Call)):
        raise MarkerError(
            f"{where}, {_line(None, function)}: the body says nothing of the answer. Assert what must be "
            "so, or return a score; `return True` where it is enough that there is an answer."
        )
    return f"{where} returns nothing and asserts nothing itself: every answer scores 1 for which no call in it fails"


# -- the source --------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _reads(function: Callable[..., Any], argument: str) -> dict[str, tuple[str, str]]:
    """Collect what is read as `ARGUMENT.NAME` or `ARGUMENT["NAME"]`: as it is written, the name and its first line.

    Left out is a name that the body compares with `in` or gives to a call such as `hasattr` or `case.get`, and what
    stands in a `try` that catches what the lack of a field raises.
    """
    nodes = _nodes(function)
    asked_for: set[Any] = set()
    caught: set[ast.AST] = set()
    for node in nodes:
        given = node.args if isinstance(node, ast.Call) else []
        if isinstance(node, ast.Compare) and any(isinstance(how, ast.In | ast.NotIn) for how in node.ops):
            given = [node.left]
        asked_for.update(each.value for each in given if isinstance(each, ast.Constant))
        if isinstance(node, ast.Try) and any(map(_catches_lack, node.handlers)):
            caught.update(inner for statement in node.body for inner in ast.walk(statement))
    used: dict[str, tuple[str, str]] = {}
    for node in nodes:
        if not isinstance(node, ast.Attribute | ast.Subscript) or node in caught or not isinstance(node.ctx, ast.Load):
            continue
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node.slice, "value", None)
        if _is_name(node.value, argument) and isinstance(name, str) and name not in asked_for:
            used.setdefault(ast.unparse(node), (name, _line(node, function)))
    return used


def _catches_lack(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or getattr(kind, "id", None) in _LACK for kind in kinds)


def _asked(function: Callable[..., Any], method: str) -> Iterator[ast.Call]:
    """The calls of a method of the judge."""
    for node in _nodes(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"judge.{method}":
            yield node


def _constant(node: ast.expr | None, function: Callable[..., Any]) -> Any:
    """The value of a constant, or of a name of the function's module; None for anything else."""
    if isinstance(node, ast.Name):
        return getattr(inspect.unwrap(function), "__globals__", {}).get(node.id)
    return node.value if isinstance(node, ast.Constant) else None


def _is_name(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _root(node: ast.AST) -> str | None:
    """The name that a chain of attributes, calls and items begins with."""
    while not isinstance(node, ast.Name):
        inner = getattr(node, "value", None) or getattr(node, "func", None)
        if not isinstance(inner, ast.AST):
            return None
        node = inner
    return node.id


def _source(function: Callable[..., Any]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""


@functools.lru_cache(maxsize=256)
def _parsed(function: Callable[..., Any]) -> ast.Module:
    """The source of a function; an empty one where it has none that can be read."""
    try:
        return ast.parse(_source(function))
    except SyntaxError:
        return ast.Module([], [])


def _nodes(function: Callable[..., Any]) -> list[ast.AST]:
    return list(ast.walk(_parsed(function)))


def _line(node: ast.AST | None, function: Callable[..., Any]) -> str:
    """The line of the function's file in which a node of its source stands, by default its first."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    first = 1 if code is None else int(code.co_firstlineno)
    return f"line {first + getattr(node, 'lineno', 1) - 1}"
