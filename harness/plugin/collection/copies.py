"""Cases that are copies of each other: looked for at collection, and said before anything is paid for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.plugin.pytest_internals import argument_names

if TYPE_CHECKING:
    from harness.gate.evaluations.evaluation import Evaluation


def with_copies(evaluation: Evaluation, item: pytest.Function) -> Evaluation:
    """The evaluation with those of its cases that are copies of each other, unless the marker has a `cluster`.

    A body that reads an `id` may ask about it: then no field tells what it asks.
    """
    from harness.gate.evaluations.resemblance import find_copies

    code = getattr(item.function, "__code__", None)
    reads_id = code is not None and "case" in argument_names(item) and "id" in code.co_names
    if evaluation.plan.cluster is not None or reads_id or len(evaluation.cases) < 2:
        return evaluation
    return replace(evaluation, copies=find_copies(evaluation.cases))


def copies_lines(evaluations: Iterable[Evaluation]) -> list[str]:
    """A line for each evaluation that has copies, for the terminal."""
    lines = []
    for each in evaluations:
        if each.copies is not None:
            first, second = each.copies.example
            n, distinct = len(each.cases), each.copies.n_distinct
            told = (
                f"are {distinct:,} and copies"
                if each.plan.review_mode
                else f"count as {distinct:,}, for some are copies"
            )
            way_out = (
                "leave copies out, review= weighs each" if each.plan.review_mode else "cluster=False counts them all"
            )
            lines.append(
                f"steelyard: {each.id}: {n:,} cases {told} of others, such as {second!r} of {first!r}; {way_out}"
            )
    return lines


def near_lines(evaluations: Iterable[Evaluation]) -> list[str]:
    """A line for each evaluation about cases like its own, some of which resemble each other though no `cluster` says
    what depends on what.
    """
    from harness.gate.evaluations.resemblance import find_near

    lines = []
    for each in evaluations:
        labels = [case.id for case in each.cases] if each.copies is None else each.copies.labels
        cases = [case for case, label in zip(each.cases, labels, strict=True) if case.id == label]
        is_open = each.plan.about == "population" and each.plan.cluster is None
        if is_open and (found := find_near(cases)) is not None:
            first, second = found.example
            way_out = (
                f'cluster="{found.field}" groups them' if found.field else "group them by a field, and name it cluster="
            )
            lines.append(
                f"steelyard: {each.id}: {found.n:,} of {len(cases):,} cases resemble others, such as {second!r} of "
                f"{first!r}, and count as if they did not; {way_out}"
            )
    return lines
