"""In which order two sides drew the cases of an evaluation, and whether a decision may stop early on them."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.gate.history.scores import Pair, Scores

EVERY_CASE = "*"


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of an evaluation.

    Attributes:
        paired: those that both sides have, in the order drawn where they are weighed as a sequential design, else in
            that of the candidate's run.
        n_skipped: those that a body skipped.
        candidate_alone, baseline_alone: how many only one of the sides has.
        is_sequential: whether `paired` are the first ones of one and the same random order.
        why_fixed: why they are not, though a run stopped as soon as it was decided; "" where none did.
        n_planned: how many cases (samples, for a single case) there were to draw at most.
    """

    paired: tuple[str, ...]
    n_skipped: int
    candidate_alone: int
    baseline_alone: int
    is_sequential: bool = False
    why_fixed: str = ""
    n_planned: int = 0


def cases_of(pair: Pair, pattern: str) -> Cases:
    """The cases of both sides whose id matches a shell pattern.

    Where a run stopped as soon as it was decided, or at the end of its budget, only those that it came to are in its
    report, in the order drawn. The sides were drawn in one order if one of them drew everything, or if those that both
    reports have stand in the same order in both.
    """
    ours, theirs = (
        {case for case in each.known if fnmatch.fnmatchcase(case, pattern)} for each in (pair.candidate, pair.baseline)
    )
    skipped = (pair.candidate.skipped | pair.baseline.skipped) & ours & theirs
    paired = (ours & theirs) - skipped
    listed = dict.fromkeys(case for case in _listed(pair.candidate) if case in paired)
    listed.update(dict.fromkeys(sorted(paired.difference(listed))))
    alone = len(ours - theirs), len(theirs - ours)
    sequential = [each for each in (pair.candidate, pair.baseline) if stopped_early(each) or stopped_at(each)]
    if not sequential:
        return Cases(tuple(listed), len(skipped), *alone, n_planned=len(listed))
    order, why = _order([_listed(each) for each in sequential], paired)
    if why:
        return Cases(tuple(listed), len(skipped), *alone, why_fixed=why, n_planned=len(listed))
    planned = min(entry.n_planned for each in sequential for entry in each.entries.values())
    return Cases(
        paired=order,
        n_skipped=len(skipped),
        candidate_alone=alone[0],
        baseline_alone=alone[1],
        is_sequential=True,
        n_planned=planned if pattern == EVERY_CASE else len(order),
    )


def stopped_early(scores: Scores) -> bool:
    """Whether one side's run stopped as soon as the evaluation was decided."""
    return any(entry.design == "sequential" for entry in scores.entries.values())


def stopped_at(scores: Scores) -> str:
    """The limit that ended one side's run before its last case; "" where none did."""
    return next((entry.stopped_at for entry in scores.entries.values() if entry.stopped_at is not None), "")


def _listed(scores: Scores) -> Sequence[str]:
    """The cases that a run was decided by, in the order in which it took them."""
    return max(([case.id for case in entry.cases] for entry in scores.entries.values()), key=len, default=[])


def _order(listed: Sequence[Sequence[str]], paired: set[str]) -> tuple[tuple[str, ...], str]:
    """The cases that all have, in the order that all have them in; and why there is no such order."""
    both = paired.intersection(*listed)
    orders = {tuple(case for case in each if case in both) for each in listed}
    if not both:
        return (), "no case that one was decided by is among those of the other"
    if len(orders) > 1:
        return (), "they drew their cases in different orders (another `seed`)"
    return orders.pop(), ""
