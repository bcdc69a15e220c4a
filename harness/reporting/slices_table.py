"""The slices of a run as a table: a row for each, the worst of an evaluation first, as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from typing import Any, TextIO

from harness.records import Difference, Estimate, Report, Verdict
from harness.review.exchange.table import guarded_cell

_OF_SLICE = ("field", "value", "n_cases")
_FIGURES = ("candidate", "baseline", "difference")
_BOUNDS = ("low", "high")
COLUMNS = (
    *("run_id", "evaluation_id", "metric", *_OF_SLICE),
    *(f"{name}{end}" for name in _FIGURES for end in ("", *(f"_{bound}" for bound in _BOUNDS))),
    *("verdict", "reason"),
)


def write_slices(report: Report, stream: TextIO) -> None:
    """Write the slices of all evaluations as CSV, every field quoted, and guarded as the table of scores is."""
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in slices_of(report):
        writer.writerow({name: guarded_cell(row[name]) for name in COLUMNS})


def slices_of(report: Report) -> Iterator[dict[str, Any]]:
    """A row for each slice of a run."""
    for verdict in report.evaluations:
        yield from _rows(report.run_id, verdict)


def _rows(run_id: str, verdict: Verdict) -> Iterator[dict[str, Any]]:
    for each in verdict.slices:
        row: dict[str, Any] = {"run_id": run_id, "evaluation_id": verdict.id, "metric": verdict.metric}
        row |= {name: getattr(each, name) for name in (*_OF_SLICE, "reason")} | {"verdict": str(each.verdict)}
        for name in _FIGURES:
            row |= _figures(name, getattr(each, name))
        yield row


def _figures(name: str, given: Estimate | Difference | None) -> dict[str, float | None]:
    """A figure and its bounds under the names of their columns; None for what there is not."""
    values = {"": given and given.value} | {f"_{bound}": given and getattr(given, bound) for bound in _BOUNDS}
    return {
        f"{name}{end}": None if value is None or not math.isfinite(value) else value for end, value in values.items()
    }
