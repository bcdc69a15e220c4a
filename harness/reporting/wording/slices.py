"""Says what the slices of an evaluation come to, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from harness.decisions.reasons import percent
from harness.records import Report, SliceResult, Verdict, VerdictKind
from harness.reporting.shared.differences import difference_in_words, margin_in_words
from harness.reporting.shared.figures import digits, figure, interval, plural
from harness.reporting.shared.names import row_names
from harness.reporting.shared.table import FEW, INDENT, MARKS, NARROW
from harness.reporting.shared.text import cells, flow, pad, printable, wrap

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
    own = replace(verdict, margin=verdict.slice_margin or verdict.margin)
    found = []
    for each in verdict.slices:
        ours, theirs = each.candidate, each.baseline
        shown = "" if ours is None else f"{figure(ours.value, places)} {interval(ours.low, ours.high, places)}"
        found.append(
            SliceRow(
                each,
                printable(f"{each.field} {each.value}", _NAME_CELLS, cut="middle", encoding=encoding),
                plural(each.n_cases, "case"),
                shown,
                "" if theirs is None else figure(theirs.value, places),
                "" if each.difference is None else difference_in_words(each.difference, own),
                " -> ".join(figure(value.value, places) for value in (theirs, ours) if value is not None),
            )
        )
    return found


def slices_in_words(verdict: Verdict) -> str:
    """Say how many slices each field has, and how many of them are worse, open or not worse.

    >>> slices_in_words(verdict)  # doctest: +SKIP
    '20 of topic; 1 worse by more than 0.10, 17 open, 2 not'
    """
    fields = Counter(each.field for each in verdict.slices)
    kinds = Counter(each.verdict for each in verdict.slices)
    red = kinds[VerdictKind.REGRESSED] + kinds[VerdictKind.FAILED]
    margin = slice_margin_in_words(verdict)
    told = [f"{count:,} of {field}" for field, count in fields.items()]
    if not any(each.difference for each in verdict.slices):
        return f"{', '.join(told)}; nothing required"
    parts = {"shown to be": red, "open": kinds[VerdictKind.INCONCLUSIVE], "shown not to be": kinds[VerdictKind.PASSED]}
    shares = ", ".join(f"{number:,} {word}" for word, number in parts.items() if number)
    return f"{', '.join(told)}; worse by more than {margin}: {shares}"


def slice_margin_in_words(verdict: Verdict) -> str:
    """The margin of slices with its unit, or in per cent."""
    margin = verdict.margin if verdict.slice_margin is None else verdict.slice_margin
    return percent(margin) if verdict.margin_is_relative else margin_in_words(replace(verdict, margin=margin))


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
        texts = [f"{MARKS[row.result.verdict]} {printable(row.name, encoding=encoding)}" for row in shown]
        size = max(map(cells, texts))
        start = "  slices" if width >= NARROW else ""
        first, *rest = wrap(told, width - indent)
        lines += [] if width >= NARROW else ["slices"]
        lines += [f"{start:<{indent}}{first}", *(" " * indent + line for line in rest)]
        for row, text in zip(shown, texts, strict=True):
            figures = [row.n_cases, *([row.scores, row.difference] if row.difference else [row.candidate])]
            one, *others = flow([pad(text, size), *figures], width - _ROW_INDENT - 2)
            lines += [" " * _ROW_INDENT + one.rstrip(), *(" " * (_ROW_INDENT + 2) + line for line in others)]
        if hidden := len(verdict.slices) - len(shown):
            lines.append(" " * _ROW_INDENT + f"  and {hidden:,} more in the report")
    return lines
