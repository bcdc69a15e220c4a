"""Cases that are copies of each other: looked for at collection, and said before anything is paid for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.collection.inspection import is_case, parsed
from harness.plugin.pytest_internals import argument_names
from harness.records import Case

if TYPE_CHECKING:
    from harness.gate.evaluations.evaluation import Evaluation

_WHOLE = frozenset(name for name in dir(Case) if not name.startswith("_")) - {"id"}
"""The attributes of every case, but for its id, by which a body may read any of its fields."""


def with_copies(evaluation: Evaluation, item: pytest.Function) -> Evaluation:
    """The evaluation with those of its cases that are copies of each other, unless the marker has a `cluster`.

    A body that reads `case.id` may ask about it: then no field tells what it asks, and copies show by what they asked.
    """
    from harness.gate.evaluations.resemblance import find_copies

    fields = fields_read(item.function) if "case" in argument_names(item) else None
    reads_id = fields is not None and "id" in fields
    if evaluation.plan.cluster is not None or reads_id or len(evaluation.cases) < 2:
        return evaluation
    return replace(evaluation, copies=find_copies(evaluation.cases, fields))


def fields_read(function: Callable[..., Any]) -> frozenset[str] | None:
    """The fields of `case` that a body reads by name; None where it may read others: it hands `case` on, say."""
    tree = parsed(function)
    if tree is None:
        return None
    fields: set[str] = set()
    n_named = 0
    for node in ast.walk(tree):
        name = _field(node)
        if name is not None:
            fields.add(name)
            n_named += 1
    n_uses = sum(isinstance(node, ast.Name) and node.id == "case" for node in ast.walk(tree))
    return frozenset(fields) if fields and n_uses == n_named and not fields & _WHOLE else None


def _field(node: ast.AST) -> str | None:
    """Give the field that `case.NAME`, `case["NAME"]` or `"NAME" in case` names; None for any other node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
        return _text(node.left) if is_case(node.comparators[0]) else None
    if isinstance(node, ast.Subscript) and is_case(node.value):
        return _text(node.slice)
    return node.attr if isinstance(node, ast.Attribute) and is_case(node.value) else None


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def copies_lines(evaluations: Iterable[Evaluation]) -> list[str]:
    """A line for each evaluation that has copies, for the terminal."""
    lines = []
    for each in evaluations:
        if each.copies is None:
            continue
        n, first, second = len(each.cases), *each.copies.example
        start = f"steelyard: {each.id}: {n:,} cases "
        if each.plan.review is not None:
            lines.append(
                f"{start}are {each.copies.n_distinct:,} and copies of these, such as {first!r} and {second!r}; review= "
                "weighs each by itself, so leave copies out"
            )
            continue
        lines.append(
            f"{start}count as {each.copies.n_distinct:,}, for some are copies of others, such as {second!r} of "
            f"{first!r}; cluster=False counts them all"
        )
    return lines
