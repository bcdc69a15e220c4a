"""Says what a run has spent and might spend, and where that ended it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.records import Budget, LimitName, Report, Usage, Verdict
from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.text import printable

GO_ON = "run again, or with a higher limit, to go on from there: what is stored costs nothing"
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def budget_line(report: Report) -> str:
    """Say what was spent of the limits, and which of them ended the run; "" where there were none.

    "stopped at --max-cost 0.50 (0.4987 spent) with 3 of 6 evaluations decided"
    """
    budget = report.budget
    if budget is None:
        return ""
    if budget.stopped_by is None:
        used = [f"{budget.spent.in_words(name)} of {budget.limits.in_words(name)} spent" for name in _given(budget)]
        return ", ".join(used)
    ids = {verdict.id for verdict in report.evaluations}
    decided = len(ids) - len({verdict.id for verdict in cut_short(report.evaluations)})
    stopped_by = budget.stopped_by
    return (
        f"stopped at {budget.limits.in_words(stopped_by)} ({budget.spent.in_words(stopped_by)} spent) with "
        f"{count(decided)} of {plural(len(ids), 'evaluation')} decided"
    )


def cut_short(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that are open because the budget ended their sampling."""
    return [verdict for verdict in verdicts if verdict.stopped_at is not None]


def flops_in_words(usage: Usage) -> list[str]:
    """The operations that each version spent in this run, a text each; of those for which they are known.

    >>> flops_in_words(Usage(flops={"smollm2": 1.234e13, "served": None}))
    ['12.3 TFLOP by smollm2']
    """
    known = {name: spent for name, spent in usage.flops.items() if spent}
    return [f"{_operations(spent)} by {printable(name, 40)}" for name, spent in known.items()]


def left(budget: Budget | None) -> str:
    """Say how much of the scarcest limit is left: "38% of max_tokens left"; "" without limits."""
    if budget is None:
        return ""
    shares = {name: max(0.0, 1 - used / limit) if limit else 0.0 for name, (used, limit) in _given(budget).items()}
    name = min(shares, key=lambda each: shares[each])
    limit, _, _ = budget.limits.in_words(name).partition(" ")
    return f"{100 * shares[name]:.0f}% of {limit} left"


def _given(budget: Budget) -> dict[LimitName, tuple[float, float]]:
    """Return what is used of each limit that there is, and the limit."""
    limits, spent = budget.limits, budget.spent
    every: dict[LimitName, tuple[float, float | None]] = {
        "max_requests": (spent.requests, limits.max_requests),
        "max_tokens": (spent.tokens, limits.max_tokens),
        "max_cost": (spent.cost or 0.0, limits.max_cost),
        "deadline": (spent.elapsed_s, limits.deadline_s),
    }
    return {name: (used, limit) for name, (used, limit) in every.items() if limit is not None}


def _operations(spent: float) -> str:
    """A number of operations with three digits.

    >>> _operations(2.5e9), _operations(999.4e12), _operations(3e22)
    ('2.5 GFLOP', '999 TFLOP', '3e+04 EFLOP')
    """
    place = 0
    while spent >= 1000 and place < len(_PREFIXES) - 1:
        spent, place = spent / 1000, place + 1
    return f"{spent:.3g} {_PREFIXES[place]}FLOP"
