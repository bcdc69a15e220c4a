"""A short digest of the code that scores an evaluation, by which a later run knows whether it is still the same."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import re
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import CodeType, FunctionType, ModuleType
from typing import Any

import harness

_SIZE_BYTES = 8
_INSTALLED = ("site-packages", "dist-packages")
_PLAIN = (str, bytes, int, float, bool, type(None), re.Pattern)
_SEVERAL = (tuple, list, dict, set, frozenset)
_LARGEST = 10_000
"""Of a constant that holds several values; a larger one is data, and no part of the code."""


def scoring_digest(body: Callable[..., Any]) -> str | None:
    """A digest of a body and of the functions, classes and constants of the project that it names, with all that these
    name; None where its code is not at hand. Decorators, docstrings, comments and layout are no part of it.
    """
    function = inspect.unwrap(getattr(body, "__func__", body))
    if not isinstance(function, FunctionType) or not _is_of_project(function):
        return None
    try:
        return _digest(function)
    except RecursionError:  # a constant that holds itself
        return None


@functools.lru_cache(maxsize=256)
def _digest(function: FunctionType) -> str | None:
    parts: list[tuple[str, str]] = []
    for name, value in _used(function):
        text = _source(value) if isinstance(value, FunctionType | type) else _written(value)
        if text is None:
            return None
        parts.append((f"{name} {getattr(value, '__qualname__', '')}", text))
    content = "\0".join(f"{name}\0{text}" for name, text in sorted(parts))
    return hashlib.blake2b(content.encode("utf-8", "backslashreplace"), digest_size=_SIZE_BYTES).hexdigest()


def _used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield a function, and each function, class and constant of the project that it names, or that these name."""
    waiting: list[tuple[str, Any]] = [("", function)]
    seen: set[int] = set()
    while waiting:
        name, value = waiting.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
            waiting += _named(value)


def _functions_of(value: Any) -> list[FunctionType]:
    """The function that a value is, or those of a class."""
    if isinstance(value, type):
        return [each for each in vars(value).values() if isinstance(each, FunctionType)]
    return [value] if isinstance(value, FunctionType) else []


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a function, or those of a class, name of the project: by their names in the module that has them.

    Of a constant these are the functions and classes in it, at any depth.
    """
    if isinstance(value, _SEVERAL):
        yield from (("", each) for each in _code_in(value))
    for function in _functions_of(value):
        names = sorted(_names(function.__code__))
        known = function.__globals__
        modules = [each for name in names if isinstance(each := known.get(name), ModuleType) and _is_of_project(each)]
        spaces = [known, *(vars(module) for module in modules)]
        for name in names:
            yield from ((name, space[name]) for space in spaces if name in space and _counts(space[name]))


def _code_in(constant: Any) -> Iterator[Any]:
    for each in _parts(constant):
        if isinstance(each, _SEVERAL):
            yield from _code_in(each)
        elif isinstance(each, FunctionType | type):
            yield each


def _names(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        found |= _names(constant) if isinstance(constant, CodeType) else set()
    return found


def _counts(value: Any) -> bool:
    if isinstance(value, _SEVERAL):
        return len(value) <= _LARGEST and all(map(_counts, _parts(value)))
    return isinstance(value, _PLAIN) or (isinstance(value, FunctionType | type) and _is_of_project(value))


def _parts(value: Any) -> list[Any]:
    return [part for pair in value.items() for part in pair] if isinstance(value, dict) else list(value)


def _written(value: Any) -> str:
    """A constant as text that is the same in every process."""
    if isinstance(value, _SEVERAL):
        parts = list(map(_written, _parts(value)))
        return f"{type(value).__name__} {sorted(parts) if isinstance(value, set | frozenset) else parts}"
    if isinstance(value, FunctionType | type):
        return value.__qualname__
    return repr((value.pattern, value.flags) if isinstance(value, re.Pattern) else value)


def _is_of_project(value: Any) -> bool:
    """Tell whether a function, class or module is neither Python's nor installed nor Steelyard's."""
    try:
        file = Path(inspect.getfile(value)).resolve()
    except (TypeError, OSError):
        return False
    others = (Path(sysconfig.get_path("stdlib")).resolve(), Path(harness.__file__).parent.resolve())
    return not set(file.parts) & set(_INSTALLED) and not any(file.is_relative_to(folder) for folder in others)


def _source(value: Any) -> str | None:
    try:
        tree = ast.parse(dedent(inspect.getsource(value)))
    except (OSError, TypeError, ValueError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
    return ast.unparse(tree)
