"""A plan as a person reads it, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from harness.gate.planning import Outlook
from harness.gate.plans import PlanRow, Wanted
from harness.gate.shapes import Gate
from harness.gate.simulation import Shape
from harness.reporting.columns import columns
from harness.reporting.text import flow, printable, wrap

_WIDTH = 80
_ALIKE = 0.02
_FOUND = (
    ("", "", "", "finds", "green if", "cases used", ""),
    ("", "cases x samples", "margin", "a drop of", "unchanged", "same / dropped", "cost"),
)
_NEEDED = (
    ("", "", "cases", "cases used", "samples drawn", ""),
    ("", "samples", "needed", "same / dropped", "of each version", "cost"),
)


def spread_in_words(shape: Shape) -> str:
    """How scores vary, in a line.

    >>> from harness.gate.simulation import Shape
    >>> spread_in_words(Shape())
    'score 0.90, correlation 0.50, 30 in 100 cases differ'
    """
    spread = shape.spread
    text = f"score {spread.mean:.2f}, correlation {spread.correlation:.2f}"
    return text if shape.threshold is not None else f"{text}, {round(100 * spread.differing)} in 100 cases differ"


def render_plan(gate: Gate, wanted: Wanted, rows: Sequence[PlanRow], encoding: str = "utf-8") -> list[str]:
    """The plan as lines of at most 80 cells."""
    designs = " and ".join(sorted({row.shape.design for row in rows}))
    plural = "" if gate.evaluations == 1 else "s"
    lines = [
        f"steelyard plan   {gate.evaluations} evaluation{plural}   {designs}   confidence {gate.confidence_level:g}",
        *wrap(f"spread {printable(gate.source, encoding=encoding)}", _WIDTH),
    ]
    lines += ["", *_table(wanted, rows, encoding), ""]
    for note in _notes(gate, wanted, rows):
        lines += wrap(printable(note, encoding=encoding), _WIDTH)
    return lines


def _table(wanted: Wanted, rows: Sequence[PlanRow], encoding: str) -> list[str]:
    """The figures of each size, below the name of the evaluation and how its scores vary."""
    head, cells_of = (_FOUND, _found_cells) if wanted.drop is None else (_NEEDED, _needed_cells)
    table = [*head, *(("", *cells_of(row)) for row in rows)]
    if wanted.costs is None:
        table = [cells[:-1] for cells in table]
    figures = columns(table)
    lines, last = figures[: len(head)], ""
    for row, line in zip(rows, figures[len(head) :], strict=True):
        against = "" if row.shape.threshold is None else f" against {row.shape.threshold:g}"
        title = f"{printable(row.shape.name, 200, encoding=encoding)}{against}"
        lines += [*([] if title == last else flow([title, spread_in_words(row.shape)], _WIDTH)), line]
        last = title
    return lines


def _found_cells(row: PlanRow) -> tuple[str, ...]:
    assert row.unchanged is not None
    return (
        f"{row.shape.cases:,} x {row.shape.samples:,}",
        f"{row.shape.margin:g}",
        "none" if row.drop is None else f"{row.drop:.3f}",
        f"{row.unchanged.green.value:.2f}",
        _used(row.unchanged, row.dropped),
        _price(row.cost),
    )


def _needed_cells(row: PlanRow) -> tuple[str, ...]:
    if row.unchanged is None:
        return (f"{row.shape.samples:,}", "too many", "", "", "")
    return (
        f"{row.shape.samples:,}",
        f"{row.shape.cases:,}",
        _used(row.unchanged, row.dropped),
        f"{row.unchanged.cases * row.shape.samples:,.0f}",
        _price(row.cost),
    )


def _used(unchanged: Outlook, dropped: Outlook | None) -> str:
    return f"{unchanged.cases:,.0f} / {'-' if dropped is None else f'{dropped.cases:,.0f}'}"


def _price(cost: float | None) -> str:
    return "" if cost is None else f"{cost:,.4g}" if cost < 1000 else f"{cost:,.0f}"


def _notes(gate: Gate, wanted: Wanted, rows: Sequence[PlanRow]) -> Iterator[str]:
    """What the table means, and what to do about it."""
    share = f"in {100 * wanted.power:g} of 100 gates"
    if wanted.drop is None:
        yield f"Finds: the smallest drop that is red {share}, of {wanted.gates:,} simulated ones."
    else:
        yield f"Needed: a drop of {wanted.drop:g} is red {share}, and a version that is no worse green {share}."
    yield from _limits(rows)
    for row in rows:
        yield from _never(row)
        if row.split is not None and wanted.budget is None and wanted.drop is None:
            yield _same_money(row)
    if wanted.costs is not None and wanted.drop is not None:
        yield from _cheapest(rows)
    yield from _doubts(gate)


def _limits(rows: Sequence[PlanRow]) -> Iterator[str]:
    """How many cases a pass takes at least, once for each requirement."""
    for shape, fewest in dict.fromkeys((_requirement(row.shape), row.fewest) for row in rows):
        who = (
            "a version that equals its baseline in every answer"
            if shape.threshold is None
            else f"against {shape.threshold:g} a version that is always right"
        )
        count = "no number of cases" if fewest is None else f"{fewest:,} cases or more"
        yield f"At margin {shape.margin:g} {who} passes with {count}."


def _requirement(shape: Shape) -> Shape:
    return Shape(margin=shape.margin, threshold=shape.threshold, design=shape.design)


def _never(row: PlanRow) -> Iterator[str]:
    """Why an evaluation can't pass as it is."""
    shape = row.shape
    if row.suffices and row.fewest is not None and row.fewest > shape.cases:
        wider = "" if row.margin is None else f", or set its margin to {row.margin:g}"
        yield (
            f"{shape.name} can't pass with {shape.cases:,} cases, however good: give it {row.fewest - shape.cases:,} "
            f"more{wider}."
        )
    if shape.threshold is not None and shape.spread.mean <= shape.threshold - shape.margin:
        yield (
            f"{shape.name} can't pass with its score of {shape.spread.mean:.2f}: a pass proves a score above "
            f"{shape.threshold - shape.margin:g}."
        )


def _same_money(row: PlanRow) -> str:
    assert row.split is not None
    shape, split = row.shape, row.split
    error = math.sqrt((shape.between_sd**2 + shape.within_sd**2 / shape.samples) / shape.cases)
    if split.samples == shape.samples:
        return f"{shape.name}: {shape.samples} samples a case is the best number for these costs."
    return (
        f"{shape.name}: for the same cost of a whole suite {split.cases:,} cases x {split.samples:,} samples have a "
        f"standard error of {split.standard_error:.4f}, {shape.cases:,} x {shape.samples:,} have {error:.4f}."
    )


def _cheapest(rows: Sequence[PlanRow]) -> Iterator[str]:
    priced = [row for row in rows if row.cost is not None]
    if len({row.shape.name for row in priced}) == 1 and len(priced) > 1:
        best = min(priced, key=lambda row: row.cost or 0.0)
        yield f"Cheapest: {best.shape.samples:,} samples of {best.shape.cases:,} cases."


def _doubts(gate: Gate) -> Iterator[str]:
    """What the spread does not know."""
    alike = [shape.name for shape in gate.shapes if shape.threshold is None and shape.spread.differing < _ALIKE]
    if alike:
        yield (
            f"{_named(alike)}: hardly any case differed. A version that answers otherwise takes more cases; see "
            "--differing."
        )
    once = [each.shape.name for each in gate.seen if not each.has_samples]
    if once:
        yield f"{_named(once)}: one sample a case does not tell how alike samples are: half is assumed."
    clustered = [each.shape.name for each in gate.seen if each.is_clustered]
    if clustered:
        yield f"{_named(clustered)}: cases share clusters, and are simulated as if they did not; take more of them."


def _named(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def plan_json(gate: Gate, wanted: Wanted, rows: Sequence[PlanRow]) -> dict[str, Any]:
    """The plan for a program."""
    return {
        "source": gate.source,
        "confidence_level": gate.confidence_level,
        "evaluations": gate.evaluations,
        "power": wanted.power,
        "simulated_gates": wanted.gates,
        "rows": [_row_json(row) for row in rows],
    }


def _row_json(row: PlanRow) -> dict[str, Any]:
    """A row; `cases_needed` where a drop was asked for is the shape's number of cases."""
    shape = asdict(row.shape)
    return {
        **shape,
        "suffices": row.suffices,
        "drop": row.drop,
        "unchanged": _outlook_json(row.unchanged),
        "dropped": _outlook_json(row.dropped),
        "fewest_cases": row.fewest,
        "smallest_margin": row.margin,
        "cost": row.cost,
        "best_split": None if row.split is None else asdict(row.split),
    }


def _outlook_json(outlook: Outlook | None) -> dict[str, Any] | None:
    if outlook is None:
        return None
    return {"red": outlook.red.value, "green": outlook.green.value, "cases_used": outlook.cases}
