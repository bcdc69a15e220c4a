"""Holds the code to what ruff has no rule for: long modules and functions, full folders, vague names, names twice."""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES, FUNCTION, FOLDER = 500, 50, 15

VAGUE = frozenset({"told", "found", "said", "taken", "settled", "gone", "doors", "walls", "lots", "rooms"})
"""No part of a name: it says what it holds, or what it returns or does."""


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has without its docstring."""
    first = function.body[1 if ast.get_docstring(function) is not None and len(function.body) > 1 else 0]
    return (function.end_lineno or 0) - first.lineno + 1 + (function.body[0].lineno - function.lineno)


def too_long(name: str, text: str, tree: ast.Module) -> Iterator[str]:
    """Name a module that is too long, and the functions that are."""
    if (length := text.count("\n")) > LINES:
        yield f"{name}: {length} lines, at most {LINES}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (size := body_lines(node)) >= FUNCTION:
            yield f"{name}:{node.lineno}: {node.name} has {size} lines, fewer than {FUNCTION} are allowed"


def vague(name: str, tree: ast.Module) -> Iterator[str]:
    """Name what is called by a word that says nothing."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=word)
                | ast.AsyncFunctionDef(name=word)
                | ast.ClassDef(name=word)
                | ast.arg(arg=word)
            ):
                pass
            case ast.Name(id=word, ctx=ast.Store()) | ast.Attribute(attr=word, ctx=ast.Store()):
                pass
            case _:
                continue
        if VAGUE.intersection(word.lower().split("_")):
            yield f"{name}:{node.lineno}: {word} says nothing; say what it holds, returns or does"


def twice(kind: str, homes: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Name what has more than one home."""
    for name, paths in homes.items():
        if len(where := sorted(paths)) > 1:
            yield f"{' and '.join(where)}: both have the {kind} {name}"


def faults() -> Iterator[str]:
    """Name every fault of the code, a line each."""
    classes, modules = defaultdict(list), Counter()
    for path in sorted((ROOT / "harness").rglob("*.py")):
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        modules[path.parent.relative_to(ROOT)] += path.name != "__init__.py"
        for each in tree.body:
            if isinstance(each, ast.ClassDef):
                classes[each.name].append(name)
        yield from too_long(name, text, tree)
        yield from vague(name, tree)
    yield from (f"{folder}: {n} modules, at most {FOLDER}" for folder, n in modules.items() if n > FOLDER)
    yield from twice("class", classes)
    suites = defaultdict(list)  # `pytest suites` imports modules by their names alone
    for path in (ROOT / "suites").rglob("test_*.py"):
        suites[path.name].append(path.parent.relative_to(ROOT).as_posix())
    yield from twice("module", suites)


if __name__ == "__main__":
    lines = list(faults())
    print("".join(f"{each}\n" for each in lines), end="")
    sys.exit(bool(lines))
