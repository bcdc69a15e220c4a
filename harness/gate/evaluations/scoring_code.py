"""A short digest of the code that scores an evaluation, by which a later run knows whether it is still the same."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def scoring_digest(body: Callable[..., Any]) -> str | None:
    """A digest of a body and of all that it names in its module, with all that these name; None where its code is not
    at hand. Decorators, docstrings, comments and layout are no part of it, nor is what other modules hold.
    """
    function = inspect.unwrap(getattr(body, "__func__", body))
    if not isinstance(function, FunctionType):
        return None
    file = Path(function.__code__.co_filename)
    known = _definitions(file, file.stat().st_mtime_ns) if file.is_file() else {}
    waiting, parts = [function.__qualname__.partition(".")[0]], dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name in known and name not in parts:
            parts[name] = ast.unparse(known[name])
            waiting += [each.id for each in ast.walk(known[name]) if isinstance(each, ast.Name)]
    content = "\0".join(f"{name}\0{text}" for name, text in sorted(parts.items()))
    digest = hashlib.blake2b(content.encode("utf-8", "backslashreplace"), digest_size=8)
    return digest.hexdigest() if parts else None


@functools.lru_cache(maxsize=64)
def _definitions(file: Path, _changed_ns: int) -> dict[str, ast.stmt]:
    """The functions, classes and constants of a module by their names, without what is no code."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return {}
    for node in ast.walk(tree):
        if isinstance(node, _Definition):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    definitions: dict[str, ast.stmt] = {}
    for each in tree.body:
        if isinstance(each, _Definition):
            definitions[each.name] = each
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            definitions |= {
                name.id: each for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
    return definitions
