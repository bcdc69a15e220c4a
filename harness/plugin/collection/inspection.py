"""Looks at a test function without running it, to find before the first request what could not work."""

from __future__ import annotations

import ast
import difflib
import functools
import inspect
import textwrap
import unittest
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import CaseError, MarkerError, SettingsError, choices
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


def may_return_measure(function: Callable[..., Any]) -> bool:
    """Tell whether a body may return a `Measure`: it says so; or its module speaks of it, and the body or what it uses
    does as well, or takes a fixture of the user's, which may give one.
    """
    from harness.gate.evaluations.scoring_code import may_use

    takes_others = not {*inspect.signature(function).parameters} <= {*OFFERED}
    says_so = "Measure" in str(getattr(function, "__annotations__", {}).get("return", ""))
    return says_so or (may_measure(function) and (takes_others or may_use(function, "Measure")))


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
    if any(_is_name(node, "load") and not _is_read(node) for node in ast.walk(parsed(function) or ast.Module([], []))):
        return  # the body's own
    for written, (name, line) in _reads(function, "load").items():
        if written != f"load.{name}":
            continue
        why = unmeasurable(name, plan, settings) if name in known else choices("figure", name, known)
        if why:
            raise MarkerError(f"{where}, line {line}: {written}. {why}")


def check_users(function: Callable[..., Any], settings: Settings, *, where: str) -> None:
    """Refuse a simulated user that no version plays, as far as class and name can be seen in the function's module.

    Raises:
        SettingsError: with the line, and the versions that there are.
    """
    from harness.requests.conversation import SimulatedUser

    tree = parsed(function)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and _of_module(node.func, function) is SimulatedUser:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            name = constant(node.args[0] if node.args else given.get("version"), function)
            try:
                if isinstance(name, str) and name and name not in settings.versions:
                    settings.version(name)
            except SettingsError as error:
                raise SettingsError(f"{where}, line {first_line(function) + node.lineno - 1}: {error}") from None


def constant(node: ast.expr | None, function: Callable[..., Any]) -> Any:
    """The value of a constant, or of a name of the function's module; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else _of_module(node, function)


def _of_module(node: ast.expr | None, function: Callable[..., Any]) -> Any:
    """What a name of the function's module is, or `MODULE.SimulatedUser`; None where it is the function's own."""
    if isinstance(node, ast.Attribute) and node.attr == "SimulatedUser":  # another may be slow to import
        module = _of_module(node.value, function)
        return getattr(module, node.attr, None) if inspect.ismodule(module) else None
    if not isinstance(node, ast.Name) or node.id in _own_names(function):
        return None
    return getattr(inspect.unwrap(function), "__globals__", {}).get(node.id)


@functools.lru_cache(maxsize=256)
def _own_names(function: Callable[..., Any]) -> set[str]:
    """Collect what a function, or one within it, assigns, takes or imports."""
    names: set[str] = set()
    for node in ast.walk(parsed(function) or ast.Module([], [])):
        if isinstance(node, ast.Name) and not _is_read(node):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
    return names


@functools.lru_cache(maxsize=256)
def _reads(function: Callable[..., Any], argument: str) -> dict[str, tuple[str, int]]:
    """Collect what is read as `ARGUMENT.NAME` or `ARGUMENT["NAME"]`: as it is written, the name and its first line."""
    tree = parsed(function)
    if tree is None:
        return {}
    asked_for = set(_names_asked_for(tree))
    caught = {node for attempt in ast.walk(tree) for node in _tried(attempt)}
    used: dict[str, tuple[str, int]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Subscript) or not _is_read(node) or node in caught:
            continue
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node.slice, "value", None)
        if _is_name(node.value, argument) and isinstance(name, str) and name not in asked_for:
            used.setdefault(ast.unparse(node), (name, first_line(function) + node.lineno - 1))
    return used


def _is_name(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_read(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Load)


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


def _tried(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a `try` that catches what the lack of a field raises; nothing for any other node."""
    if not isinstance(node, ast.Try):
        return
    caught = [handler.type for handler in node.handlers]
    each = [one for kind in caught for one in (kind.elts if isinstance(kind, ast.Tuple) else [kind])]
    if any(one is None or (isinstance(one, ast.Name) and one.id in _LACK) for one in each):
        for statement in node.body:
            yield from ast.walk(statement)


def _names_asked_for(tree: ast.AST) -> Iterator[str]:
    """Texts that are compared with `in`, or given to a call such as `hasattr` or `case.get`."""
    for node in ast.walk(tree):
        given: list[ast.expr] = []
        if isinstance(node, ast.Compare) and any(isinstance(how, ast.In | ast.NotIn) for how in node.ops):
            given = [node.left]
        elif isinstance(node, ast.Call):
            given = node.args
        yield from (text.value for text in given if isinstance(text, ast.Constant) and isinstance(text.value, str))


def check_loops(function: Callable[..., Any], *, where: str) -> None:
    """Refuse a body that starts an event loop of its own: it runs in one already.

    Only what stands in the body itself is seen, and not what it hands to a thread.

    Raises:
        MarkerError: naming the line.
    """
    from harness.gate.sampling.bodies import starts_loop

    tree = parsed(function)
    body = getattr(tree, "body", None)
    if not body or not isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for call in _own_calls(body[0].body):
        written = ast.unparse(call.func)
        if written == "asyncio.run" or written.endswith(_STARTS_LOOP):
            raise MarkerError(f"{where}, line {first_line(function) + call.lineno - 1}: {starts_loop(written)}")


_STARTS_LOOP = (".run_until_complete", ".run_sync")


def _own_calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    """The calls in these nodes that are not awaited, and stand in no function of their own."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            yield from _own_calls(ast.iter_child_nodes(node.value))
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from _own_calls(ast.iter_child_nodes(node))


_INERT = (
    *(ast.Expr, ast.Assign, ast.AnnAssign, ast.If, ast.For, ast.AsyncFor, ast.While, ast.Pass, ast.Break, ast.Continue),
    *(ast.Await, ast.Compare, ast.BoolOp, ast.IfExp, ast.NamedExpr, ast.UnaryOp, ast.Not, ast.BinOp, ast.Add, ast.Mod),
    *(ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.Attribute, ast.List, ast.Set, ast.Dict, ast.keyword),
    *(ast.ListComp, ast.GeneratorExp, ast.comprehension, ast.Slice, ast.boolop, ast.cmpop, ast.expr_context),
)
"""What neither gives a score nor runs code of the user's, as long as all that stands in it does not either."""
_BUILT_IN = {"all", "any", "bool", "len", "print", "str"}
_OF_TEXTS = set(dir(str)) - {"encode", "index", "rindex"}
"""Methods of a text that raise nothing, whatever it holds."""


def check_scores(function: Callable[..., Any], wants: Collection[str], *, where: str) -> None:
    """Refuse a body that drops a comparison, or that asks and checks nothing: it would pass always.

    It is refused where that is certain: where nothing but inert syntax, methods of fixtures of ours and of texts, and
    names of what comes of them has a part. All else may check, and is let be.

    Args:
        wants: the fixtures of ours that it takes.

    Raises:
        MarkerError: naming the line.
    """
    body = getattr(parsed(function), "body", None)
    if not body or not isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return
    nodes = [node for statement in body[0].body for node in ast.walk(statement)]
    bound = Counter(node.id for node in nodes if isinstance(node, ast.Name) and not _is_read(node))
    wants = {*wants} - bound.keys()
    is_inert = functools.partial(_is_inert, function, wants)
    assigned = [node for node in nodes if isinstance(node, ast.Assign) and is_inert(ast.walk(node.value), wants)]
    inertly = Counter(ast.unparse(node.targets[0]) for node in assigned)
    known = {*wants, *(name for name in bound if bound[name] == inertly[name])}
    for each in _own_statements(body[0].body):
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Compare) and is_inert(ast.walk(each), known):
            line, written = first_line(function) + each.lineno - 1, ast.unparse(each)
            raise MarkerError(f"{where}, line {line}: the result of `{written}` is dropped. Return it, or assert it.")
    asked = next((node for node in nodes if isinstance(node, ast.Call) and _is_of_ours(node.func, wants)), None)
    if asked is not None and not hasattr(function, "__wrapped__") and is_inert(nodes, {*wants, *bound}):
        raise MarkerError(
            f"{where}, line {first_line(function) + asked.lineno - 1}: the body asks and says nothing of the answer. "
            "Assert what must be so, or return a score; `return True` where it is enough that there is an answer."
        )


def _own_statements(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body without those of its functions, and of `with` and `try`, where an error may be meant."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If | ast.For | ast.AsyncFor | ast.While):
            yield from _own_statements([*statement.body, *statement.orelse])


def _is_inert(
    function: Callable[..., Any], wants: Collection[str], nodes: Iterable[ast.AST], known: Collection[str]
) -> bool:
    """Tell whether nodes certainly check nothing and give no score.

    Args:
        known: names of what is no object of the user's.
    """
    taken = {*_own_names(function), *getattr(inspect.unwrap(function), "__globals__", {})}

    def is_inert(node: ast.AST) -> bool:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name not in known:
                is_plain = type(_of_module(node, function)) in (str, int, float, bool)
                return is_plain or (name in _BUILT_IN and name not in taken)
            case ast.Call(func=ast.Attribute(attr=method) as called):
                return _is_of_ours(called, wants) or (method in _OF_TEXTS and not is_case(called.value))
            case ast.Call(func=ast.Name(id=name)):
                return name in _BUILT_IN
            case ast.Return(value=None | ast.Constant(value=None)):
                return True
            case ast.Subscript(value=owner, slice=place):
                return is_case(owner) or isinstance(place, ast.Slice)
            case ast.Tuple(ctx=context):
                return isinstance(context, ast.Load)  # what is unpacked may not fit
        return isinstance(node, (*_INERT, ast.Name))

    return all(map(is_inert, nodes))


def _is_of_ours(called: ast.expr, wants: Collection[str]) -> bool:
    """Tell whether a method of a fixture of ours is called; what a case holds may be the user's."""
    owner = called.value if isinstance(called, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id in wants and not is_case(owner)


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


def is_case(node: ast.expr | None) -> bool:
    """Tell whether an expression is the argument `case`."""
    return _is_name(node, "case")
