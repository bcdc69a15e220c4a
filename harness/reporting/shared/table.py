"""The verdict table: a name and the figures below it, folded where the terminal is narrow; never cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.decisions.reasons import figure as in_words
from harness.errors import without_traceback
from harness.records import Difference, Estimate, Report, Verdict, VerdictKind
from harness.reporting.shared.differences import ratio_in_words
from harness.reporting.shared.figures import count, digits, figure, interval, plural
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import cells, flow, hang, pad, printable, wrap

FEW = 5
INDENT = 18
NARROW = 60
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
_GAP = "   "

_NO_LABEL = "no label yet"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One evaluation in words: empty texts where it has no such figure. `value` is `candidate` without its interval."""

    verdict: Verdict
    name: str
    value: str
    candidate: str
    baseline: str
    difference: str
    required: str
    why: str
    errors: tuple[str, ...]

    @property
    def told(self) -> str:
        """What is required, and why the verdict is so."""
        return "; ".join(text for text in (_named("required", self.required), self.why) if text)

    @property
    def status(self) -> str:
        """Mark and verdict."""
        return f"{MARKS[self.verdict.verdict]} {self.verdict.verdict}"


def rows(report: Report, encoding: str) -> list[TableRow]:
    """A row for each evaluation, the worst verdicts first, otherwise in the run's order."""
    named = list(zip(report.evaluations, row_names(report.evaluations), strict=True))
    named.sort(key=lambda pair: -pair[0].verdict.severity)
    found = [row(verdict, name, encoding) for verdict, name in named]
    return [replace(each, why=f"{accepted_in_words(report, each.verdict, encoding)}{each.why}") for each in found]


def accepted_in_words(report: Report, verdict: Verdict, encoding: str) -> str:
    """Say until when and why a verdict is accepted, before the reason that it has; "" of another."""
    waiver = report.accepted(verdict)
    return "" if waiver is None else printable(f"{waiver}; ", _MOST_REASON_CELLS, cut="middle", encoding=encoding)


def row(verdict: Verdict, name: str, encoding: str, *, tracebacks: bool = False) -> TableRow:
    """One evaluation's figures in words; of a traceback the exception alone, unless all of it is wanted."""
    told = str if tracebacks else without_traceback
    difference = shown_difference(verdict)
    is_ratio = verdict.plan.margin_is_relative and difference is not None
    places = digits(*_telling(verdict, None if is_ratio else difference), unit=verdict.unit)
    unit = f" {printable(verdict.unit, 24, encoding=encoding)}" if verdict.unit else ""
    gap = "" if difference is None else _difference(difference, places, verdict) + unit
    gap = ratio_in_words(difference, verdict) if is_ratio and difference is not None else gap
    reason, errors = verdict.reason, verdict.errors
    if errors and reason.startswith(errors[0]):
        reason, errors = (errors[0], ()) if len(errors) == 1 else ("", errors)
    required = "" if verdict.plan.threshold is None else figure(verdict.plan.threshold, places) + unit
    if verdict.plan.threshold is not None:  # `required` says it
        reason = reason.removeprefix(f"required {in_words(verdict.plan.threshold, verdict.unit)}, ")
    return TableRow(
        verdict=verdict,
        name=printable(name, _MOST_NAME_CELLS, cut="middle", encoding=encoding),
        value="" if verdict.candidate is None else figure(verdict.candidate.value, places) + unit,
        candidate=_estimate(verdict, places, unit),
        baseline="" if verdict.baseline is None else figure(verdict.baseline.value, places) + unit,
        difference=_NO_LABEL if _is_unlabelled(verdict) else gap,
        required=required,
        why=printable(told(reason), _MOST_REASON_CELLS, cut="middle", encoding=encoding),
        errors=_error_messages([*map(told, errors)], encoding),
    )


def shown_difference(verdict: Verdict) -> Difference | None:
    """Candidate minus baseline where there is one; a difference to the threshold can be read off the row."""
    if verdict.baseline is None:
        return None
    against = (check.difference for check in verdict.checks if check.against == "baseline")
    return next(against, verdict.difference)


def table(shown: Sequence[TableRow], width: int) -> list[str]:
    """The rows as lines: the figures of each in columns below its name, folded where they have no room; a reason that
    does not fit on the first line of its row follows on a line of its own.
    """
    titles = [title for title in ("candidate", "baseline", "difference") if any(getattr(row, title) for row in shown)]
    sizes = [max(cells(text) for text in (title, *(getattr(row, title) for row in shown))) for title in titles]
    room = width - INDENT
    gap = next((gap for gap in (3, 2) if room - sum(sizes) >= gap * (len(sizes) - 1)), None)
    if gap is None or width < NARROW:
        return [line for row in shown for line in _folded(row, width)]

    def line(texts: Sequence[str]) -> list[str]:
        padded = "".join(pad(text, size + gap) for text, size in zip(texts, sizes, strict=True))
        return [(" " * INDENT + padded).rstrip()] if any(texts) else []

    lines = ["  verdict         evaluation", *line(titles)]
    for row in shown:
        is_beside = cells(row.name + _GAP + row.told) <= room
        head = flow([row.name, row.told] if is_beside and row.told else [row.name], room)
        lines += hang(f"  {row.status}".ljust(INDENT), head, INDENT)
        lines += line([getattr(row, title) for title in titles])
        lines += [] if is_beside else [" " * INDENT + text for text in wrap(row.told, room) if text]
        lines += _errors(row, width, INDENT)
    return lines


def greens(report: Report, hidden: Sequence[TableRow], width: int) -> list[str]:
    """One line for the evaluations that passed and have no row of their own."""
    if not hidden:
        return []
    indent = INDENT if width >= NARROW else 11
    return hang(f"{'    passed':<{indent}}", wrap(greens_in_words(report, hidden), width - indent))


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


def _estimate(verdict: Verdict, places: int, unit: str) -> str:
    estimate = verdict.candidate
    if estimate is None:
        return ""
    value, bounds = figure(estimate.value, places), interval(estimate.low, estimate.high, places)
    if _has_no_bounds(verdict, estimate):
        return f"{value}{unit}"
    return f"{value} {bounds}{unit}" if math.isfinite(estimate.low) else f"{value}{unit} {bounds}"


def _difference(difference: Difference, places: int, verdict: Verdict) -> str:
    value = figure(difference.value, places, signed=True)
    if _has_no_bounds(verdict, difference):
        return value
    return f"{value} {interval(difference.low, difference.high, places, signed=True)}"


def _has_no_bounds(verdict: Verdict, of: Estimate | Difference) -> bool:
    """True where none are shown: nothing is left to chance, or nothing is proven (a measure that was cut short)."""
    if verdict.is_certain:
        return True
    told = verdict.stopped_at is None and verdict.statistic is None
    return not told and not math.isfinite(of.low) and not math.isfinite(of.high)


def _is_unlabelled(verdict: Verdict) -> bool:
    """True where people decide it and none of their labels counts yet."""
    difference = shown_difference(verdict)
    return verdict.review is not None and difference is not None and math.isnan(difference.value)


def _within_margin(verdict: Verdict) -> bool:
    """True where it is proven to be worse (or different, where that counts), though by less than the margin."""
    differences = [check.difference for check in verdict.checks]
    if verdict.plan.aim == "same":
        return any(each.high < 0 or each.low > 0 for each in differences)
    return any(each.high < 0 if verdict.higher_is_better else each.low > 0 for each in differences)


def _telling(verdict: Verdict, difference: Difference | None) -> list[list[float | None]]:
    """The figures of a row that a reader holds against each other: a value and its bounds, a bound and 0, …"""
    groups: list[list[float | None]] = []
    if verdict.candidate:
        value = verdict.candidate.value
        groups += [[value, verdict.candidate.low], [value, verdict.candidate.high], [value, verdict.plan.threshold]]
        groups += [[value, verdict.baseline.value]] if verdict.baseline else []
    if difference:
        margin = [verdict.plan.margin, 0.0]
        groups += [[difference.low, *margin], [difference.high, *margin], [difference.low, difference.value]]
    return groups


def _folded(row: TableRow, width: int) -> list[str]:
    """A row on lines of its own: name and reason, then the figures with their names."""
    wide = width >= NARROW
    head = f"  {row.status:<{INDENT - 2}}" if wide else f"{row.status} "
    indent = INDENT if wide else 4
    figures = [_named(title, getattr(row, title)) for title in ("candidate", "baseline", "difference")]
    beside = cells(head + row.name + _GAP + row.told) <= width
    blocks = [
        [row.name, row.told] if beside else [row.name],
        [text for text in figures if text],
        [] if beside or not row.told else row.told.split(" "),
    ]
    room = width - indent
    lines = [
        line for block, gap in zip(blocks, (_GAP, _GAP, " "), strict=True) if block for line in flow(block, room, gap)
    ]
    if wide or cells(head + lines[0]) <= width:
        lines = hang(head, lines, indent)
    else:
        lines = [head.rstrip(), *(" " * indent + line for line in lines)]
    return [line.rstrip() for line in lines] + _errors(row, width, indent)


def _named(name: str, text: str) -> str:
    return f"{name} {text}" if text else ""


def _errors(row: TableRow, width: int, indent: int) -> list[str]:
    """The first messages, each with its own bullet."""
    bullet = " " * indent + "- "
    return [line for message in row.errors for line in hang(bullet, wrap(message, width - len(bullet)))]


def _error_messages(errors: Sequence[str], encoding: str) -> tuple[str, ...]:
    """The first three error messages, and how many more there are."""
    messages = [printable(text, _MOST_REASON_CELLS, cut="middle", encoding=encoding) for text in errors[:_MOST_ERRORS]]
    hidden = len(errors) - len(messages)
    return (*messages, *([f"and {plural(hidden, 'more message')} in report.json"] if hidden else []))
