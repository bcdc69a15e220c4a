"""Looks for what a test function gives its judge to go by, to find before the first request what can't be used."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import CaseError, CheckError, MarkerError, RubricError
from harness.plugin.collection.inspection import constant, first_line, is_name, parsed
from harness.records import Case
from harness.scoring.judging import Rubrics
from harness.scoring.judging.prompts import fields_shown
from harness.scoring.judging.rubric import Rubric
from harness.scoring.registered import registered


def check_rubrics(function: Callable[..., Any], rubrics: Rubrics, cases: Iterable[Case], *, where: str) -> None:
    """Refuse a rubric that is not there or is malformed, and a case without the fields that it shows the judge.

    Only what can be seen is checked: a rubric that is a constant in the body, or the name of one in its module.

    Raises:
        RubricError, CaseError: with the test function and its line.
    """
    for method in ("rate", "prefer"):
        for node in _asked(function, method):
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            path, place = constant(given.get("rubric"), function), _place(node, function, where)
            if not isinstance(path, str | Path):
                continue
            try:
                rubric = rubrics.get(path)
                if method == "rate":
                    rubric.check_scale(weighted=constant(given.get("weighted"), function) is True)
            except RubricError as error:
                raise RubricError(f"{place}: {error}") from None
            if is_name(given.get("case"), "case"):
                wanted = () if rubric.reference is None or "reference" in given else (rubric.reference,)
                _check_cases(rubric, wanted, cases, place)


def check_metrics(function: Callable[..., Any], *, where: str) -> None:
    """Refuse a metric of deepeval that there is not, or that judges no single answer.

    Only what can be seen is checked: its name as a text, or a class of the test's module.

    Raises:
        MarkerError: with the test function and its line.
    """
    for node in _asked(function, "measure"):
        metric = constant(node.args[0], function) if node.args else None
        if isinstance(metric, str | type):
            try:
                registered("deepeval").check_metric(metric)
            except CheckError as error:
                raise MarkerError(f"{_place(node, function, where)}: {error}") from None


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


def _check_cases(rubric: Rubric, wanted: tuple[str, ...], cases: Iterable[Case], place: str) -> None:
    for case in cases:
        for name in (*fields_shown(rubric, case), *wanted):
            if name not in case:
                raise CaseError(
                    f"{place}: {rubric.place} shows the judge the field {name!r} of the case, and case {case.id!r} has "
                    f"none. Its fields: {', '.join(case)}."
                )


def _asked(function: Callable[..., Any], method: str) -> Iterator[ast.Call]:
    """The calls of a method of the judge."""
    tree = parsed(function)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"judge.{method}":
            yield node


def _place(node: ast.Call, function: Callable[..., Any], where: str) -> str:
    return f"{where}, line {first_line(function) + node.lineno - 1}"
