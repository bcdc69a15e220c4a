"""Says what the slices of an evaluation come to, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.decisions.reasons import figure as in_words
from harness.decisions.reasons import percent
from harness.records import Report, SliceResult, Verdict, VerdictKind
from harness.reporting.shared.differences import difference_in_words, margin_in_words
from harness.reporting.shared.figures import digits, figure, interval
from harness.reporting.shared.names import row_names
from harness.reporting.shared.table import FEW, INDENT, MARKS, NARROW
from harness.reporting.shared.text import cells, flow, hang, pad, printable, wrap

_MOST_RED = 5
_MOST_OPEN = 3
_NAME_CELLS = 60
_ROW_INDENT = 4


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice in words: empty texts where it has no such figure. `scores` are both versions' without bounds."""

    result: SliceResult
    name: str
    n_cases: str
    candidate: str
    baseline: str
    difference: str
    scores: str


def slice_rows(verdict: Verdict, encoding: str = "utf-8") -> list[SliceRow]:
    """The slices of an evaluation in words, the worst first."""
    values = [each.candidate for each in verdict.slices] + [each.baseline for each in verdict.slices]
    places = digits(*[[value.value, value.low, value.high] for value in values if value], unit=verdict.unit)
    own = replace(verdict, plan=replace(verdict.plan, margin=verdict.plan.slice_margin or verdict.plan.margin))
    found = []
    for each in verdict.slices:
        ours, theirs = each.candidate, each.baseline
        shown = "" if ours is None else f"{figure(ours.value, places)} {interval(ours.low, ours.high, places)}"
        found.append(
            SliceRow(
                each,
                printable(f"{each.field} {each.value}", _NAME_CELLS, cut="middle", encoding=encoding),
                f"{each.n_cases:,}",
                shown,
                "" if theirs is None else figure(theirs.value, places),
                "" if each.difference is None else difference_in_words(each.difference, own),
                " -> ".join(figure(value.value, places) for value in (theirs, ours) if value is not None),
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


def slice_titles(verdict: Verdict) -> dict[str, str]:
    """The heads of the columns that figures of slices stand in: their scores, and what the difference is to."""
    if verdict.baseline is None:
        return {"scores": "candidate", "difference": "difference to threshold"}
    return {"scores": "baseline -> candidate", "difference": "difference"}


def slice_margin_in_words(verdict: Verdict) -> str:
    """The margin of slices with its unit, or in per cent."""
    margin = verdict.plan.margin if verdict.plan.slice_margin is None else verdict.plan.slice_margin
    return (
        percent(margin)
        if verdict.plan.margin_is_relative
        else margin_in_words(replace(verdict, plan=replace(verdict.plan, margin=margin)))
    )


def shown_slices(verdict: Verdict, *, every: bool = False) -> list[SliceRow]:
    """The slices that a short report shows: those that are red, else the worst."""
    rows = slice_rows(verdict)
    if every:
        return rows
    red = sum(row.result.verdict.is_red for row in rows)
    least = 1 if verdict.verdict is VerdictKind.PASSED else _MOST_OPEN
    return rows[: max(min(red, _MOST_RED), least)]


def sliced(report: Report, *, every: bool = False) -> list[tuple[Verdict, str]]:
    """The verdicts with slices, each with its name: of a large report those that did not pass.

    Args:
        every: whether those that passed are wanted in any case.
    """
    named = zip(report.evaluations, row_names(report.evaluations), strict=True)
    keep = every or len(report.evaluations) <= FEW
    found = [(each, name) for each, name in named if each.slices and (keep or each.verdict is not VerdictKind.PASSED)]
    return sorted(found, key=lambda pair: -pair[0].verdict.severity)


def slice_lines(report: Report, width: int, encoding: str, *, every: bool = False) -> list[str]:
    """The slices of each evaluation as lines of a terminal.

    Args:
        every: whether all are shown, and not the worst alone.
    """
    lines: list[str] = []
    indent = INDENT if width >= NARROW else 2
    for verdict, name in sliced(report, every=every):
        told = f"{printable(name, _NAME_CELLS, cut='middle', encoding=encoding)}: {slices_in_words(verdict)}"
        shown = shown_slices(verdict, every=every)
        start = "  slices" if width >= NARROW else ""
        lines += [] if width >= NARROW else ["slices"]
        lines += hang(f"{start:<{indent}}", wrap(told, width - indent))
        for texts in _table(verdict, shown, encoding):
            told_row = hang(" " * _ROW_INDENT, flow(texts, width - _ROW_INDENT - 2), _ROW_INDENT + 2)
            lines += [line.rstrip() for line in told_row if line.strip()]
        if hidden := len(verdict.slices) - len(shown):
            lines.append(" " * _ROW_INDENT + f"  and {hidden:,} more in the report")
    return lines


def _table(verdict: Verdict, shown: Sequence[SliceRow], encoding: str) -> list[list[str]]:
    """The rows below their head, each text as wide as its column."""
    titles = slice_titles(verdict)
    columns = [
        ["  slice", *(f"{MARKS[row.result.verdict]} {printable(row.name, encoding=encoding)}" for row in shown)],
        ["cases", *(row.n_cases for row in shown)],
    ]
    if any(row.difference for row in shown):
        columns += [[title, *(getattr(row, name) for row in shown)] for name, title in titles.items()]
    else:
        columns.append(["candidate", *(row.candidate for row in shown)])
    sizes = [max(map(cells, column)) for column in columns]
    return [list(map(pad, texts, sizes)) for texts in zip(*columns, strict=True)]
