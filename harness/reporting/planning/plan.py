"""A plan as a person reads it, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.gate.planning.plans import PlanRow, PlanTarget
from harness.gate.planning.power import ErrorRates, VerdictShares
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape
from harness.reporting.planning.plan_notes import plan_notes
from harness.reporting.shared.columns import columns
from harness.reporting.shared.text import flow, printable, wrap
from harness.scoring.results import METRIC

_WIDTH = 80
_FOUND = (
    ("", "", "", "finds", "green if", "cases used", ""),
    ("", "cases x samples", "margin", "a drop of", "unchanged", "same / dropped", "cost"),
)
_NEEDED = (
    ("", "", "cases", "cases used", "samples drawn", ""),
    ("", "samples", "needed", "same / dropped", "of each version", "cost"),
)


def spread_in_words(shape: Shape) -> str:
    """Say in a line how scores vary.

    >>> from harness.gate.planning.simulation import Shape
    >>> spread_in_words(Shape())
    'score 0.90, correlation 0.50, 30 in 100 cases differ'
    """
    spread = shape.spread
    text = f"score {spread.mean:.2f}, correlation {spread.correlation:.2f}"
    return text if shape.threshold is not None else f"{text}, {round(100 * spread.differing)} in 100 cases differ"


def render_plan(gate: PlannedGate, wanted: PlanTarget, rows: Sequence[PlanRow], encoding: str = "utf-8") -> list[str]:
    """The plan as lines of at most 80 cells."""
    designs = " and ".join(sorted({row.shape.design for row in rows}))
    plural = "" if gate.evaluations == 1 else "s"
    lines = [
        f"steelyard plan   {gate.evaluations} evaluation{plural}   {designs}   confidence {gate.confidence_level:g}",
        *wrap(printable(f"spread {gate.source}{_of_which(gate)}", encoding=encoding), _WIDTH),
    ]
    shown = [row for row in rows if row.why in (None, "too many")]
    lines += ["", *_table(wanted, shown, encoding)] if shown else []
    lines += ["", *_blocks(gate, wanted, encoding), ""] if gate.blocks else [""]
    for note in plan_notes(gate, wanted, rows):
        lines += wrap(printable(note, encoding=encoding), _WIDTH)
    return lines


def _of_which(gate: PlannedGate) -> str:
    """Say which evaluations the spread is of, where it is seen; and that it is a guess, where it is none's."""
    if gate.guessed:
        return f": a guess, since nothing tells {', '.join(gate.guessed)}"
    if gate.source.startswith("assumed"):
        return ""
    names = list(dict.fromkeys(shape.name for shape in gate.shapes))
    return f", {names[0]}" if len(names) == 1 else f", each of {len(names)} evaluations its own"


def _table(wanted: PlanTarget, rows: Sequence[PlanRow], encoding: str) -> list[str]:
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


def _blocks(gate: PlannedGate, wanted: PlanTarget, encoding: str) -> list[str]:
    """What pairs of blocks find: the smallest loss by as many as there were, and how many a loss takes."""
    level = _red_level(gate)
    found = [each.pairs_for(wanted.drop, level, wanted.power) for each in gate.blocks]
    table: list[tuple[str, ...]] = [("", "pairs", "find a loss of", "spread of a pair", "pairs for")]
    for each, needed in zip(gate.blocks, found, strict=True):
        name = each.name if each.metric == METRIC else f"{each.name}, {each.metric}"
        smallest, spread = each.smallest(level, wanted.power), each.spread
        figures = [
            "none" if math.isinf(size) else f"{100 * size:.2g} %" if each.unit is None else f"{size:.2g} {each.unit}"
            for size in (smallest, spread)
        ]
        ways = ", ".join(f"{size}: {'more' if count is None else f'{count:,}'}" for size, count in needed.items())
        table.append((printable(name, 60, encoding=encoding), f"{each.pairs:,}", *figures, ways))
    return columns(table)


def _red_level(gate: PlannedGate) -> float:
    return ErrorRates.of(gate.confidence_level, gate.evaluations).red


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
    drawn = row.unchanged.cases
    return (
        f"{row.shape.samples:,}",
        f"{row.shape.cases:,}",
        _used(row.unchanged, row.dropped),
        "-" if drawn is None else f"{drawn * row.shape.samples:,.0f}",
        _price(row.cost),
    )


def _used(unchanged: VerdictShares, dropped: VerdictShares | None) -> str:
    return f"{_count(unchanged)} / {_count(dropped)}"


def _count(outlook: VerdictShares | None) -> str:
    return "-" if outlook is None or outlook.cases is None else f"{outlook.cases:,.0f}"


def _price(cost: float | None) -> str:
    return "" if cost is None else f"{cost:,.4g}" if cost < 1000 else f"{cost:,.0f}"


def plan_json(gate: PlannedGate, wanted: PlanTarget, rows: Sequence[PlanRow]) -> dict[str, Any]:
    """The plan for a program."""
    level = _red_level(gate)
    return {
        "source": gate.source,
        "confidence_level": gate.confidence_level,
        "evaluations": gate.evaluations,
        "power": wanted.power,
        "simulated_gates": max((_gates(row) for row in rows), default=0),
        "unlike": gate.unlike or None,
        "guessed": list(gate.guessed),
        "rows": [_row_json(row) for row in rows],
        "blocks": [
            {
                **asdict(each),
                "smallest": smallest if math.isfinite(smallest := each.smallest(level, wanted.power)) else None,
                "pairs_for": dict(each.pairs_for(wanted.drop, level, wanted.power)),
            }
            for each in gate.blocks
        ],
    }


def _gates(row: PlanRow) -> int:
    return 0 if row.unchanged is None else row.unchanged.green.gates


def _row_json(row: PlanRow) -> dict[str, Any]:
    """A row; `cases_needed` where a drop was asked for is the shape's number of cases."""
    shape = asdict(row.shape)
    return {
        **shape,
        "suffices": row.suffices,
        "why": row.why,
        "remedies": [asdict(each) for each in row.remedies],
        "drop": row.drop,
        "unchanged": _outlook_json(row.unchanged),
        "dropped": _outlook_json(row.dropped),
        "fewest_cases": row.fewest,
        "smallest_margin": row.margin,
        "cost": row.cost,
        "best_split": None if row.split is None else asdict(row.split),
        "relative_standard_error": row.error,
        "samples_at_hand": None if row.at_hand is None else row.at_hand[1],
    }


def _outlook_json(outlook: VerdictShares | None) -> dict[str, Any] | None:
    if outlook is None:
        return None
    return {
        "red": outlook.red.value,
        "green": outlook.green.value,
        "cases_used": outlook.cases,
        "gates": outlook.green.gates,
    }
