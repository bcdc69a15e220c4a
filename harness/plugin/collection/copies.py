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
    """A line on all evaluations with cases that nearly repeat others, where no `cluster` says what depends on what."""
    from harness.gate.evaluations.resemblance import find_near

    near = []
    for each in evaluations:
        found = find_near(each.cases) if each.plan.cluster is None else None
        if found is not None:
            near.append(f"{found[0]:,} of {each.id}, such as {found[1][1]!r} of {found[1][0]!r}")
    told = "cases that nearly repeat others count as cases, unless cluster= names a field that they share"
    return [f"steelyard: {told}: {'; '.join(near)}"] if near else []
