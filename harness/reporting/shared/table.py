"""One evaluation in words: its figures by the claim that decided, why, and what went wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import without_traceback
from harness.records import Check, Difference, Estimate, Report, Verdict, VerdictKind
from harness.reporting.shared.differences import (
    Against,
    between,
    bounds,
    has_no_bounds,
    margin_against,
    margin_in_words,
    needs_in_words,
    unit_of,
)
from harness.reporting.shared.figures import count, digits, figure, interval, plural
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import printable

FEW = 5
MARKS = {
    VerdictKind.ERROR: "!",
    VerdictKind.FAILED: "x",
    VerdictKind.REGRESSED: "x",
    VerdictKind.INCONCLUSIVE: "?",
    VerdictKind.PASSED: " ",
}
_MOST_NAME_CELLS = 200
_MOST_ERRORS = 3
_MOST_REASON_CELLS = 400


@dataclass(frozen=True, slots=True)
class TableRow:
    """One evaluation in words: empty texts where it has no such figure.

    Attributes:
        figures: both scores with the bounds and the margin of the claim that decided, or what is needed.
        candidate: its score with a two-sided interval, which no verdict rests on.
    """

    verdict: Verdict
    name: str
    figures: str
    candidate: str
    baseline: str
    why: str
    errors: tuple[str, ...]
    accepted: str = ""

    @property
    def status(self) -> str:
        """Mark and verdict."""
        return f"{MARKS[self.verdict.verdict]} {self.verdict.verdict}"


def rows(report: Report, encoding: str = "utf-8") -> list[TableRow]:
    """A row for each evaluation, the worst verdicts first, otherwise in the run's order."""
    named = list(zip(report.evaluations, row_names(report.evaluations), strict=True))
    named.sort(key=lambda pair: -pair[0].verdict.severity)
    found = [row(verdict, name, encoding) for verdict, name in named]
    return [replace(each, accepted=_accepted(report, each.verdict, encoding)) for each in found]


def _accepted(report: Report, verdict: Verdict, encoding: str) -> str:
    """Say until when and why a verdict is accepted, before the reason that it has; "" of another."""
    waiver = report.accepted(verdict)
    return "" if waiver is None else printable(f"{waiver}; ", _MOST_REASON_CELLS, cut="middle", encoding=encoding)


def row(verdict: Verdict, name: str, encoding: str = "utf-8") -> TableRow:
    """One evaluation's figures in words; of a traceback the exception alone."""
    ours, theirs = verdict.candidate, verdict.baseline
    alone = replace(verdict, baseline=None)
    return TableRow(
        verdict=verdict,
        name=printable(name, _MOST_NAME_CELLS, cut="middle", encoding=encoding),
        figures="" if verdict.errors else printable(_figures(verdict, deciding(verdict)), encoding=encoding),
        candidate="" if ours is None else printable(claim_in_words(alone, [ours], None), encoding=encoding),
        baseline="" if theirs is None else printable(_scores(verdict, [theirs]), encoding=encoding),
        why="" if verdict.errors else _shown(verdict.reason, encoding),
        errors=_error_messages(verdict.errors, encoding),
    )


def deciding(verdict: Verdict) -> Check | None:
    """The comparison that gave the verdict: the worse one; of two open ones the one that needs more."""

    def weight(check: Check) -> tuple[int, float]:
        return check.verdict.severity, math.inf if check.samples_needed is None else check.samples_needed

    return max(verdict.checks, key=weight, default=None)


def _figures(verdict: Verdict, check: Check | None) -> str:
    known = [each for each in (verdict.baseline, verdict.candidate) if each is not None]
    difference = verdict.difference if check is None else check.difference
    if verdict.candidate is None:
        return ""
    if difference is not None and verdict.review is not None and math.isnan(difference.value):
        return f"{_scores(verdict, known)} (no label yet)"
    return claim_in_words(verdict, known, difference, None if check is None else check.against)


def claim_in_words(
    verdict: Verdict, known: Sequence[Estimate], difference: Difference | None, against: Against | None = None
) -> str:
    """The scores of both versions, the candidate's last, with the bounds of a claim and what it demands.

    "0.93 -> 0.71 (-0.28 to -0.16, margin 0.05)", "0.71 (0.65 to 0.77), needs 0.85: 0.90 less the margin 0.05". Where
    nothing is claimed, the candidate's two-sided interval.

    Args:
        against: what the difference is from; None for the baseline where there is one.
    """
    values = _scores(verdict, known)
    if difference is None:
        own = known[-1]
        places = digits([own.value, own.low], [own.value, own.high], unit=verdict.unit)
        return values if has_no_bounds(verdict, own) else f"{values} {interval(own.low, own.high, places)}"
    if (against or ("threshold" if verdict.baseline is None else "baseline")) == "baseline":
        margin = f"margin {margin_in_words(verdict, 'baseline')}"
        return f"{values} ({', '.join(filter(None, (between(difference, verdict, 'baseline'), margin)))})"
    threshold, own = verdict.plan.threshold or 0.0, known[-1]
    low, high = threshold + difference.low, threshold + difference.high
    limits = [threshold, threshold - margin_against("threshold", verdict)]
    if not verdict.higher_is_better:
        limits[1] = 2 * threshold - limits[1]
    places = digits([low, own.value], [high, own.value], [low, *limits], [high, *limits], unit=verdict.unit)
    inside = "" if has_no_bounds(verdict, difference) else f" ({bounds(low, high, places)})"
    return f"{values}{inside}, {needs_in_words(verdict)}"


def _scores(verdict: Verdict, known: Sequence[Estimate]) -> str:
    groups = [[each.value, end] for each in known[-1:] for end in (each.low, each.high, verdict.plan.threshold)]
    places = digits(*groups, [each.value for each in known], unit=verdict.unit)
    return " -> ".join(figure(each.value, places) for each in known) + unit_of(verdict)


def greens_in_words(report: Report, hidden: Sequence[TableRow]) -> str:
    """The number of evaluations that passed, or the name of a single one, and what is to be known of them."""
    notes = []
    for word, is_same in (("worse", False), ("different", True)):
        if found := sum(_within_margin(row.verdict) for row in hidden if (row.verdict.plan.aim == "same") == is_same):
            notes.append(f"{count(found)} {word}, within margin")
    if bare := sum(row.verdict.plan.threshold is None and row.verdict.baseline is None for row in hidden):
        notes.append(f"{count(bare)} with nothing required")
    note = f" ({', '.join(notes)})" if notes else ""
    what = plural(len(hidden), "evaluation") if len(hidden) > 1 else hidden[0].name
    if 1 < len(hidden) == len(report.evaluations):
        what = f"all {what}"
    return what + note


def _within_margin(verdict: Verdict) -> bool:
    """True where it is proven to be worse (or different, where that counts), though by less than the margin."""
    differences = [check.difference for check in verdict.checks]
    if verdict.plan.aim == "same":
        return any(each.high < 0 or each.low > 0 for each in differences)
    return any(each.high < 0 if verdict.higher_is_better else each.low > 0 for each in differences)


def _error_messages(errors: Sequence[str], encoding: str) -> tuple[str, ...]:
    """The first three error messages, and how many more there are."""
    hidden = len(errors) - _MOST_ERRORS
    more = [f"and {plural(hidden, 'more message')} in report.json"] if hidden > 0 else []
    return (*(_shown(text, encoding) for text in errors[:_MOST_ERRORS]), *more)


def _shown(text: str, encoding: str) -> str:
    return printable(without_traceback(text), _MOST_REASON_CELLS, cut="middle", encoding=encoding)
