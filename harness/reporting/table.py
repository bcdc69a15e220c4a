"""The verdict table: one line for each evaluation where the terminal is wide enough, else folded, never cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.records import Check, Difference, Estimate, Report, Verdict, VerdictKind
from harness.reporting.figures import count, digits, figure, interval, plural
from harness.reporting.names import row_names
from harness.reporting.text import cells, flow, pad, printable, wrap

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
_LEAST_WHY_CELLS = 28
_VERDICT_CELLS = len("x inconclusive")
_GAP = "   "


@dataclass(frozen=True, slots=True)
class Row:
    """One evaluation in words: empty texts where it has no such figure."""

    verdict: Verdict
    name: str
    candidate: str
    baseline: str
    difference: str
    required: str
    why: str

    @property
    def status(self) -> str:
        """Mark and verdict."""
        return f"{MARKS[self.verdict.verdict]} {self.verdict.verdict}"


def rows(report: Report, encoding: str) -> list[Row]:
    """A row for each evaluation, the worst verdicts first, otherwise in the run's order."""
    named = list(zip(report.evaluations, row_names(report.evaluations), strict=True))
    named.sort(key=lambda pair: -pair[0].verdict.severity)
    return [row(verdict, name, encoding) for verdict, name in named]


def row(verdict: Verdict, name: str, encoding: str) -> Row:
    """One evaluation's figures in words."""
    difference = shown_difference(verdict)
    places = digits(_telling(verdict, difference), verdict.unit)
    unit = f" {printable(verdict.unit, 24, encoding=encoding)}" if verdict.unit else ""
    return Row(
        verdict=verdict,
        name=printable(name, _MOST_NAME_CELLS, cut="middle", encoding=encoding),
        candidate=_estimate(verdict.candidate, places, unit),
        baseline="" if verdict.baseline is None else figure(verdict.baseline.value, places) + unit,
        difference="" if difference is None else _difference(difference, places) + unit,
        required="" if verdict.threshold is None else figure(verdict.threshold, places) + unit,
        why=printable(verdict.reason, encoding=encoding),
    )


def shown_difference(verdict: Verdict) -> Difference | None:
    """Candidate minus baseline where there is one; a difference to the threshold can be read off the row."""
    if verdict.baseline is None:
        return None
    against = _check(verdict, "baseline")
    return against.difference if against else verdict.difference


def table(shown: Sequence[Row], width: int) -> list[str]:
    """The rows as lines, each row on one line if the longest of them allows it, else all folded."""
    columns = {
        "verdict": [row.status for row in shown],
        "evaluation": [row.name for row in shown],
        "candidate": [row.candidate for row in shown],
        "baseline": [row.baseline for row in shown],
        "difference": [row.difference for row in shown],
        "required": [row.required for row in shown],
    }
    columns = {title: texts for title, texts in columns.items() if any(texts)}
    sizes = {title: max(cells(text) for text in (title, *texts)) for title, texts in columns.items()}
    sizes["verdict"] = _VERDICT_CELLS
    used = 2 + sum(size + len(_GAP) for size in sizes.values())
    longest_why = max((cells(row.why) for row in shown), default=0)
    if width - used < min(longest_why, _LEAST_WHY_CELLS):
        return [line for row in shown for line in _folded(row, width)]
    title = "  " + _GAP.join(pad(f"  {name}" if name == "verdict" else name, size) for name, size in sizes.items())
    lines = [f"{title}{_GAP}why" if longest_why else title.rstrip()]
    for position, row in enumerate(shown):
        left = "  " + _GAP.join(pad(columns[name][position], size) for name, size in sizes.items()) + _GAP
        lines += [(left + row.why).rstrip()] if cells(row.why) <= width - used else _hanging(left, row.why, width)
        lines += _errors(row, width, 18)
    return lines


def greens(report: Report, hidden: Sequence[Row], width: int) -> list[str]:
    """One line for the evaluations that passed and have no row of their own."""
    if not hidden:
        return []
    bare = sum(row.verdict.threshold is None and row.verdict.baseline is None for row in hidden)
    note = f" ({count(bare)} with nothing required)" if bare else ""
    what = plural(len(hidden), "evaluation")
    if len(hidden) == len(report.evaluations):
        what = f"all {what}"
    indent = 18 if width >= 60 else 6
    return ["    passed".ljust(indent) + line if width >= 60 else f"    passed {line}" for line in [what + note]]


def _estimate(estimate: Estimate | None, places: int, unit: str) -> str:
    if estimate is None:
        return ""
    return f"{figure(estimate.value, places)} {interval(estimate.low, estimate.high, places)}{unit}"


def _difference(difference: Difference, places: int) -> str:
    value = figure(difference.value, places, signed=True)
    return f"{value} {interval(difference.low, difference.high, places, signed=True)}"


def _check(verdict: Verdict, against: str) -> Check | None:
    return next((check for check in verdict.checks if check.against == against), None)


def _telling(verdict: Verdict, difference: Difference | None) -> list[float | None]:
    """The figures of a row that a reader compares with each other."""
    values: list[float | None] = [verdict.threshold]
    if verdict.candidate:
        values += [verdict.candidate.low, verdict.candidate.value, verdict.candidate.high]
    if verdict.baseline:
        values.append(verdict.baseline.value)
    if difference:
        values += [difference.low, difference.high, verdict.margin]
    return values


def _hanging(left: str, why: str, width: int) -> list[str]:
    first, *rest = wrap(why, width - cells(left))
    return [left + first, *(" " * cells(left) + line for line in rest)]


def _folded(row: Row, width: int) -> list[str]:
    """A row on lines of its own, the figures with their names."""
    wide = width >= 60
    head = f"  {row.status:<{_VERDICT_CELLS}}{_GAP}" if wide else f"{row.status} "
    indent = len(head) if wide else 4
    room = max(8, width - indent)
    figures = [
        f"{name} {text}" if name else text
        for name, text in (
            ("", row.candidate),
            ("baseline", row.baseline),
            ("difference", row.difference),
            ("required", row.required),
        )
        if text
    ]
    name_lines = flow([row.name], width - len(head)) if wide or cells(row.name) <= width - len(head) else []
    lines = [head + name_lines[0]] if name_lines else [head.rstrip()]
    lines += [" " * indent + line for line in (name_lines[1:] or ([] if name_lines else flow([row.name], room)))]
    lines += [" " * indent + line for line in (flow(figures, room) if figures else [])]
    lines += [" " * indent + line for line in (wrap(row.why, room) if row.why else [])]
    return lines + _errors(row, width, indent)


def _errors(row: Row, width: int, indent: int) -> list[str]:
    """The first messages, equal ones counted together; the rest as a number."""
    if not row.verdict.errors:
        return []
    times = Counter(row.verdict.errors)
    shown = times.most_common(_MOST_ERRORS)
    messages = [(f"{number:,} times: " if number > 1 else "") + printable(text, 600) for text, number in shown]
    rest = len(row.verdict.errors) - sum(number for _, number in shown)
    if rest:
        messages.append(f"and {plural(rest, 'more error')}")
    indent = indent if width >= 60 else 4
    return [" " * indent + line for message in messages for line in wrap(message, max(8, width - indent))]
