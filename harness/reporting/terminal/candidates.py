"""The end of a gate of several candidates: a table with a column for each, and those that are green."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.records import Report, Verdict
from harness.reporting.shared.figures import digits, figure
from harness.reporting.shared.names import row_names
from harness.reporting.shared.table import MARKS
from harness.reporting.shared.text import Block
from harness.reporting.terminal.report import headline


def candidates_table(gated: Mapping[str, tuple[int, Report | None]], left: Sequence[str]) -> Iterator[Block]:
    """The verdicts and scores of all evaluations, and who is green.

    Args:
        gated: the exit code of each candidate, and its report, if it has one.
        left: the candidates that were not run.
    """
    reports = {name: report for name, (_, report) in gated.items() if report is not None}
    columns = [{(each.id, each.metric): each for each in report.evaluations} for report in reports.values()]
    entries: dict[tuple[str, str], Verdict] = {key: each for column in columns for key, each in column.items()}
    words = {name: headline(report).partition(":")[0] for name, report in reports.items()}
    yield "", *words
    for key, name in zip(entries, row_names(list(entries.values())), strict=True):
        row = [column.get(key) for column in columns]
        values = [each.candidate.value if each and each.candidate else None for each in row]
        places, pairs = digits(values, unit=entries[key].unit), zip(row, values, strict=True)
        yield (
            name,
            *(f"{MARKS[one.verdict]} {one.verdict} {figure(value, places)}" if one else "" for one, value in pairs),
        )
    yield "gate", *(f"  {word}" for word in words.values())
    if any(each.checks for each in entries.values()):
        green = [name for name, word in words.items() if word == "GREEN" and not gated[name][0]]
        level = 100 * (1 - min(report.confidence_level for report in reports.values()))
        yield "green", ", ".join(green) or "none"
        yield "wrong", f"any green at most {level:.3g} times in 100 over all candidates, and any red"
    if missing := [*(name for name in gated if name not in reports), *left]:
        yield "not run", ", ".join(missing)
