"""Says what the slices of an evaluation come to, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from harness.decisions.reasons import figure as in_words
from harness.decisions.reasons import percent
from harness.records import SliceResult, Verdict, VerdictKind
from harness.reporting.shared.differences import difference_in_words, margin_in_words
from harness.reporting.shared.figures import digits, figure, interval
from harness.reporting.shared.table import claim_in_words
from harness.reporting.shared.text import printable

_NAME_CELLS = 60


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


def slice_rows(verdict: Verdict, encoding: str = "utf-8") -> list[SliceRow]:
    """The slices of an evaluation in words, the worst first."""
    values = [each.candidate for each in verdict.slices] + [each.baseline for each in verdict.slices]
    places = digits(*[[value.value, value.low, value.high] for value in values if value], unit=verdict.unit)
    own = replace(verdict, plan=replace(verdict.plan, margin=verdict.plan.slice_margin or verdict.plan.margin))
    found = []
    for each in verdict.slices:
        ours, theirs = each.candidate, each.baseline
        known = [value for value in (theirs, ours) if value is not None]
        found.append(
            SliceRow(
                each,
                printable(f"{each.field} {each.value}", _NAME_CELLS, cut="middle", encoding=encoding),
                "" if ours is None else printable(claim_in_words(own, known, each.difference), encoding=encoding),
                "" if ours is None else f"{figure(ours.value, places)} {interval(ours.low, ours.high, places)}",
                "" if theirs is None else figure(theirs.value, places),
                "" if each.difference is None else difference_in_words(each.difference, own),
            )
        )
    return found


def slices_in_words(verdict: Verdict) -> str:
    """Say how many slices each field has, and how many of them are worse by more than the margin, within it or open.

    >>> slices_in_words(verdict)  # doctest: +SKIP
    '20 of topic, margin 0.10: 1 worse by more, 2 within it, 17 open'
    """
    fields = Counter(each.field for each in verdict.slices)
    kinds = Counter(each.verdict for each in verdict.slices)
    told = ", ".join(f"{count:,} of {field}" for field, count in fields.items())
    if not any(each.difference for each in verdict.slices):
        return f"{told}; nothing required"
    if verdict.baseline is None and verdict.plan.threshold is not None:
        told += f", threshold {in_words(verdict.plan.threshold, verdict.unit)}"
    beyond = "different by more" if verdict.plan.aim == "same" else "worse by more"
    red = kinds[VerdictKind.REGRESSED] + kinds[VerdictKind.FAILED]
    parts = {beyond: red, "within it": kinds[VerdictKind.PASSED], "open": kinds[VerdictKind.INCONCLUSIVE]}
    shares = ", ".join(f"{number:,} {word}" for word, number in parts.items() if number)
    return f"{told}, margin {slice_margin_in_words(verdict)}: {shares}"


def slice_margin_in_words(verdict: Verdict) -> str:
    """The margin of slices with its unit, or in per cent."""
    margin = verdict.plan.margin if verdict.plan.slice_margin is None else verdict.plan.slice_margin
    return (
        percent(margin)
        if verdict.plan.margin_is_relative
        else margin_in_words(replace(verdict, plan=replace(verdict.plan, margin=margin)))
    )
