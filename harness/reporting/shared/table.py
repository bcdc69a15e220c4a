"""Evaluations and their slices in words: figures by the claim that decided, why, and what went wrong; differences,
bounds and margins in the unit of the evaluation, or in per cent where they are ratios.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.config.roles import AGAINST
from harness.decisions.reasons import figure as in_words
from harness.decisions.reasons import percent
from harness.errors import without_traceback
from harness.records import Check, Difference, Estimate, Report, SliceResult, Verdict, VerdictKind
from harness.reporting.shared.figures import bounds, count, digits, figure, interval, plural
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import printable

Against = Literal["threshold", "baseline", "anchor"]
FEW = 5
MARKS = {
    VerdictKind.ERROR: "!",
    VerdictKind.FAILED: "x",
    VerdictKind.REGRESSED: "x",
    VerdictKind.INCONCLUSIVE: "?",
    VerdictKind.PASSED: " ",
}
_MOST_NAME_CELLS, _MOST_SLICE_CELLS, _MOST_REASON_CELLS, _UNIT_CELLS = 200, 60, 400, 24
_MOST_ERRORS = 3


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
    anchor: str
    why: str
    errors: tuple[str, ...]
    accepted: str = ""

    @property
    def status(self) -> str:
        """Mark and verdict."""
        return f"{MARKS[self.verdict.verdict]} {self.verdict.verdict}"


def rows(report: Report, encoding: str = "utf-8") -> list[TableRow]:
    """A row for each evaluation, the most urgent first, otherwise in the run's order."""
    named = list(zip(report.evaluations, row_names(report.evaluations), strict=True))
    named.sort(key=lambda pair: urgency(report, pair[0]))
    return [
        replace(row(verdict, name, encoding), accepted=_accepted(report, verdict, encoding)) for verdict, name in named
    ]


def urgency(report: Report, verdict: Verdict) -> tuple[bool, bool, int]:
    """The key that sorts verdicts: the worst first, those that are accepted after all that count, what passed last."""
    return verdict.verdict is VerdictKind.PASSED, report.accepted(verdict) is not None, -verdict.verdict.severity


def _accepted(report: Report, verdict: Verdict, encoding: str) -> str:
    """Say until when and why a verdict is accepted, after the reason that it has; "" of another."""
    waiver = report.accepted(verdict)
    return "" if waiver is None else printable(str(waiver), _MOST_REASON_CELLS, cut="middle", encoding=encoding)


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
        anchor="" if verdict.anchor is None else printable(_scores(verdict, [verdict.anchor]), encoding=encoding),
        why="" if verdict.errors else _shown(verdict.reason, encoding),
        errors=_error_messages(verdict.errors, encoding),
    )


def deciding(verdict: Verdict) -> Check | None:
    """The comparison that gave the verdict: the worse one; of two open ones the one that needs more."""

    def weight(check: Check) -> tuple[int, float]:
        return check.verdict.severity, math.inf if check.samples_needed is None else check.samples_needed

    return max(verdict.checks, key=weight, default=None)


def _figures(verdict: Verdict, check: Check | None) -> str:
    other = verdict.anchor if check is not None and check.against == "anchor" else verdict.baseline
    known = [each for each in (other, verdict.candidate) if each is not None]
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
        return values if _has_no_bounds(verdict, own) else f"{values} {interval(own.low, own.high, places)}"
    against = against or ("threshold" if verdict.baseline is None else "baseline")
    if against != "threshold":
        margin = f"margin {margin_in_words(verdict, against)}"
        return f"{values} ({', '.join(filter(None, (_between(difference, verdict, against), margin)))})"
    threshold, own = verdict.plan.threshold or 0.0, known[-1]
    low, high = threshold + difference.low, threshold + difference.high
    limits = [threshold, threshold - margin_against("threshold", verdict)]
    if not verdict.higher_is_better:
        limits[1] = 2 * threshold - limits[1]
    places = digits([low, own.value], [high, own.value], [low, *limits], [high, *limits], unit=verdict.unit)
    inside = "" if _has_no_bounds(verdict, difference) else f" ({bounds(low, high, places)})"
    return f"{values}{inside}, {_needs_in_words(verdict)}"


def _scores(verdict: Verdict, known: Sequence[Estimate]) -> str:
    groups = [[each.value, end] for each in known[-1:] for end in (each.low, each.high, verdict.plan.threshold)]
    places = digits(*groups, [each.value for each in known], unit=verdict.unit)
    return " -> ".join(figure(each.value, places) for each in known) + unit_of(verdict)


def greens_in_words(report: Report, hidden: Sequence[TableRow]) -> str:
    """The number of evaluations that passed, or the name of a single one, and what is to be known of them."""
    notes = []
    for word, is_same in (("worse", False), ("different", True)):
        if number := sum(_within_margin(row.verdict) for row in hidden if (row.verdict.plan.aim == "same") == is_same):
            notes.append(f"{count(number)} {word}, within margin")
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


def difference_in_words(difference: Difference, verdict: Verdict, against: Against | None = None) -> str:
    """A difference, with its bounds where anything is left to chance.

    Args:
        against: what it is a difference from; None for that of the verdict, which is the baseline where there is one.
    """
    value, low, high, places, unit = _scaled(difference, verdict, against)
    inside = "" if verdict.is_certain else " " + interval(low, high, places, signed=True)
    return f"{figure(value, places, signed=True)}{inside}{unit}"


def _between(difference: Difference, verdict: Verdict, against: Against | None = None) -> str:
    """The bounds alone, without the unit of a measure: "-0.28 to -0.16"; "" where none are shown."""
    if _has_no_bounds(verdict, difference):
        return ""
    _, low, high, places, unit = _scaled(difference, verdict, against)
    is_bounded = math.isfinite(low) or math.isfinite(high)
    return (bounds(low, high, places, signed=True) if is_bounded else "no bounds") + unit * (unit == " %")


def _has_no_bounds(verdict: Verdict, of: Estimate | Difference) -> bool:
    """True where none are shown: nothing is left to chance, or nothing is proven (a measure that was cut short)."""
    if verdict.is_certain:
        return True
    is_proven = verdict.stopped_at is None and verdict.statistic is None
    return not is_proven and not math.isfinite(of.low) and not math.isfinite(of.high)


def _scaled(difference: Difference, verdict: Verdict, against: Against | None) -> tuple[float, float, float, int, str]:
    """Value, bounds, decimals and unit of a difference: in per cent where it is a share of the baseline's figure."""
    value, low, high, margin = difference.value, difference.low, difference.high, margin_against("threshold", verdict)
    unit = unit_of(verdict)
    if _is_ratio(verdict, against):
        value, low, high, margin = (100 * each for each in (value, low, high, verdict.plan.margin))
        unit = " %"
    places = digits([low, margin, 0.0], [high, margin, 0.0], [low, value], unit=unit.strip() or None)
    return value, low, high, places, unit


def unit_of(verdict: Verdict, encoding: str = "utf-8") -> str:
    """The unit after a space, which a user's code names, made harmless; "" where there is none."""
    return f" {printable(verdict.unit, _UNIT_CELLS, encoding=encoding)}" if verdict.unit else ""


def margin_against(against: Against, verdict: Verdict) -> float:
    """The margin of a comparison, in the numbers that its difference has."""
    if against == "threshold" and verdict.plan.margin_is_relative and verdict.plan.threshold is not None:
        return verdict.plan.margin * abs(verdict.plan.threshold)
    return verdict.plan.margin


def margin_in_words(verdict: Verdict, against: Against | None = None) -> str:
    """The margin with its unit, and with both signs where the difference must lie within it on both sides."""
    sign = "±" if verdict.plan.aim == "same" else ""
    if _is_ratio(verdict, against):
        return sign + percent(verdict.plan.margin)
    margin = margin_against("threshold", verdict)
    return f"{sign}{figure(margin, digits([margin, 0.0], unit=verdict.unit))}{unit_of(verdict)}"


def _needs_in_words(verdict: Verdict) -> str:
    """Return what a threshold demands: "needs 0.80: 0.90 less the margin 0.10"; "" without one."""
    threshold = verdict.plan.threshold
    if threshold is None:
        return ""
    margin, unit = margin_against("threshold", verdict), unit_of(verdict)
    limit = threshold - margin if verdict.higher_is_better else threshold + margin
    places = digits([threshold, limit], [margin, 0.0], unit=verdict.unit)
    whole, less = figure(threshold, places), figure(margin, places)
    if verdict.plan.aim == "same":
        return f"needs {whole} ± {less}{unit}"
    most, kind = ("", "less") if verdict.higher_is_better else ("at most ", "and")
    why = f": {whole} {kind} the margin {less}" if margin else ""
    return f"needs {most}{figure(limit, places)}{unit}{why}"


def _is_ratio(verdict: Verdict, against: Against | None) -> bool:
    return verdict.plan.margin_is_relative and (
        against in AGAINST or (against is None and verdict.baseline is not None)
    )


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice in words: empty texts where it has no such figure.

    `figures` are both versions' scores with what decided it; `candidate` has its two-sided interval.
    """

    result: SliceResult
    name: str
    figures: str
    candidate: str
    baseline: str
    difference: str


def with_slice_margin(verdict: Verdict) -> Verdict:
    """The verdict with the margin that its slices have."""
    margin = verdict.plan.margin if verdict.plan.slice_margin is None else verdict.plan.slice_margin
    return replace(verdict, plan=replace(verdict.plan, margin=margin))


def slice_rows(verdict: Verdict, encoding: str = "utf-8") -> list[SliceRow]:
    """The slices of an evaluation in words, the worst first."""
    values = [value for each in verdict.slices for value in (each.candidate, each.baseline) if value is not None]
    places = digits(*[[value.value, value.low, value.high] for value in values], unit=verdict.unit)
    own, rows = with_slice_margin(verdict), []
    for each in verdict.slices:
        ours, theirs, difference = each.candidate, each.baseline, each.difference
        known = [value for value in (theirs, ours) if value is not None]
        name = printable(f"{each.field} {each.value}", _MOST_SLICE_CELLS, cut="middle", encoding=encoding)
        rows.append(
            SliceRow(
                each,
                name,
                "" if ours is None else printable(claim_in_words(own, known, difference), encoding=encoding),
                "" if ours is None else f"{figure(ours.value, places)} {interval(ours.low, ours.high, places)}",
                "" if theirs is None else figure(theirs.value, places),
                "" if difference is None else difference_in_words(difference, own),
            )
        )
    return rows


def slices_in_words(verdict: Verdict) -> str:
    """Say how many slices each field has, and how many of them are worse by more than the margin, within it or open.

    >>> slices_in_words(verdict)  # doctest: +SKIP
    '20 of topic, margin 0.10: 1 worse by more, 2 within it, 17 open'
    """
    fields = Counter(each.field for each in verdict.slices)
    kinds = Counter(each.verdict for each in verdict.slices)
    text = ", ".join(f"{number:,} of {field}" for field, number in fields.items())
    if not any(each.difference for each in verdict.slices):
        return f"{text}; nothing required"
    if verdict.baseline is None and verdict.plan.threshold is not None:
        text += f", threshold {in_words(verdict.plan.threshold, verdict.unit)}"
    beyond = "different by more" if verdict.plan.aim == "same" else "worse by more"
    red = kinds[VerdictKind.REGRESSED] + kinds[VerdictKind.FAILED]
    parts = {beyond: red, "within it": kinds[VerdictKind.PASSED], "open": kinds[VerdictKind.INCONCLUSIVE]}
    shares = ", ".join(f"{number:,} {word}" for word, number in parts.items() if number)
    return f"{text}, margin {margin_in_words(with_slice_margin(verdict))}: {shares}"
