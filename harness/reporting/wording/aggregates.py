"""Figures over all cases, where the mean over cases is another figure than the one that people know."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Aggregate, Verdict
from harness.reporting.shared.figures import digits, figure, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import printable

_MOST = 3
_MOST_CELLS = 400


def aggregate_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """A line for each evaluation that measures in a unit and has figures over all cases; how many, beyond three."""
    names = display_names(verdict.id for verdict in verdicts)
    told = [verdict for verdict in verdicts if verdict.aggregates and verdict.unit is not None]
    lines = [
        printable(
            f"over all cases of {names[verdict.id]}: {', '.join(map(_in_words, verdict.aggregates))}",
            _MOST_CELLS,
            cut="middle",
            encoding=encoding,
        )
        for verdict in told[:_MOST]
    ]
    hidden = len(told) - len(lines)
    return [
        *lines,
        *([f"figures over all cases of {plural(hidden, 'more evaluation')} in report.json"] if hidden else []),
    ]


def _in_words(aggregate: Aggregate) -> str:
    places = digits([aggregate.candidate, aggregate.baseline], unit="")
    text = f"{aggregate.name} {figure(aggregate.candidate, places)}"
    return text if aggregate.baseline is None else f"{text} (baseline {figure(aggregate.baseline, places)})"
