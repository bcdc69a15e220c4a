"""A plan as a person reads it, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from harness.gate.planning.power import MOST_CASES, SIMULATED_CASES, ErrorRates, PlanRow, PlanTarget, VerdictShares
from harness.gate.planning.shapes import PlannedGate
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import columns, flow, printable, wrap
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
_ALIKE = 0.02
#: Standard errors on either side of a figure that hold the truth in 95 of 100 cases.
_TWO_SIDED = 1.96
_ABOUT = {
    "suite": "These figures are about these cases: only their samples are left to chance. A verdict about cases like "
    "these takes more cases: see --about population.",
    "population": "These figures are about cases like these, of which yours are a sample. A verdict about these cases "
    "alone takes fewer: see --about suite.",
}


def render_plan(gate: PlannedGate, wanted: PlanTarget, rows: Sequence[PlanRow], encoding: str = "utf-8") -> list[str]:
    """The plan as lines of at most 80 cells."""
    designs = " and ".join(sorted({row.shape.design for row in rows}))
    names = list(dict.fromkeys(shape.name for shape in gate.shapes))
    of_which = f", {names[0]}" if len(names) == 1 else f", each of {len(names)} evaluations its own"
    if gate.guessed:
        of_which = f": a guess, since nothing tells {', '.join(gate.guessed)}"
    elif gate.source.startswith("assumed"):
        of_which = ""
    lines = [
        f"steelyard plan   {plural(gate.evaluations, 'evaluation')}   {designs}   confidence {gate.confidence_level:g}",
        *wrap(printable(f"spread {gate.source}{of_which}", encoding=encoding), _WIDTH),
    ]
    shown = [row for row in rows if row.why in (None, "too many")]
    lines += ["", *_table(wanted, shown, encoding)] if shown else []
    lines += ["", *_blocks(gate, wanted, encoding)] if gate.blocks else []
    lines.append("")
    for note in _notes(gate, wanted, rows, shown):
        lines += wrap(printable(note, encoding=encoding), _WIDTH)
    return lines


def _table(wanted: PlanTarget, rows: Sequence[PlanRow], encoding: str) -> list[str]:
    """The figures of each size, below the name of the evaluation and how its scores vary."""
    head, cells_of = (_FOUND, _found_cells) if wanted.drop is None else (_NEEDED, _needed_cells)
    table = [*head, *(("", *cells_of(row)) for row in rows)]
    figures = columns(table if wanted.costs else [cells[:-1] for cells in table])
    lines, last = figures[: len(head)], ""
    for row, line in zip(rows, figures[len(head) :], strict=True):
        shape, spread = row.shape, row.shape.spread
        title, varies = printable(shape.name, 200, encoding=encoding), f"score {spread.mean:.2f}"
        varies += f", correlation {spread.correlation:.2f}"
        if shape.threshold is None:
            varies += f", {round(100 * spread.differing)} in 100 cases differ"
        else:
            title += f" against {shape.threshold:g}"
        lines += [*([] if title == last else flow([title, varies], _WIDTH)), line]
        last = title
    return lines


def _found_cells(row: PlanRow) -> tuple[str, ...]:
    assert row.unchanged is not None
    drop = "none" if row.drop is None else f"{row.drop:.3f}"
    size = f"{row.shape.cases:,} x {row.shape.samples:,}"
    return (size, f"{row.shape.margin:g}", drop, f"{row.unchanged.green:.2f}", *_used(row))


def _needed_cells(row: PlanRow) -> tuple[str, ...]:
    samples = f"{row.shape.samples:,}"
    if row.unchanged is None:
        return (samples, "too many", "", "", "")
    used, price = _used(row)
    return (samples, f"{row.shape.cases:,}", used, f"{row.unchanged.cases * row.shape.samples:,.0f}", price)


def _used(row: PlanRow) -> tuple[str, str]:
    """The cases that are used while nothing is wrong and where there is a drop; and the cost."""
    used = ["-" if each is None else f"{each.cases:,.0f}" for each in (row.unchanged, row.dropped)]
    price = "" if row.cost is None else f"{row.cost:,.4g}" if row.cost < 1000 else f"{row.cost:,.0f}"
    return " / ".join(used), price


def _blocks(gate: PlannedGate, wanted: PlanTarget, encoding: str) -> list[str]:
    """What pairs of blocks find: the smallest loss by as many as there were, and how many a loss takes."""
    level = _red_level(gate)
    table: list[tuple[str, ...]] = [("", "pairs", "find a loss of", "spread of a pair", "pairs for")]
    for each in gate.blocks:
        name = each.name if each.metric == METRIC else f"{each.name}, {each.metric}"
        figures = [
            "none" if math.isinf(size) else f"{100 * size:.2g} %" if each.unit is None else f"{size:.2g} {each.unit}"
            for size in (each.smallest(level, wanted.power), each.spread)
        ]
        needed = each.pairs_for(wanted.drop, level, wanted.power)
        ways = ", ".join(f"{size}: {'more' if count is None else f'{count:,}'}" for size, count in needed.items())
        table.append((printable(name, 60, encoding=encoding), f"{each.pairs:,}", *figures, ways))
    return columns(table)


def _red_level(gate: PlannedGate) -> float:
    return ErrorRates.of(gate.confidence_level, gate.evaluations).red


def _notes(gate: PlannedGate, wanted: PlanTarget, rows: Sequence[PlanRow], shown: Sequence[PlanRow]) -> Iterator[str]:
    """Say what the tables mean, how exact they are, and what to do about it."""
    share = f"in {100 * wanted.power:g} of 100 gates"
    if gate.unlike:
        yield gate.unlike
    if gate.blocks:
        yield (
            f"Pairs of blocks: a loss is red {share} with so many pairs, where the margin is smaller than it; within "
            "the margin it passes."
        )
    if wanted.drop is None and rows:
        yield f"Finds: the smallest drop that is red {share}. {_certainty(rows, 'a drop')}"
        if at_margin := [row.shape.name for row in rows if row.drop == row.shape.margin]:
            yield f"{_named(at_margin)}: the drop found is the margin. A smaller one may pass, so none is looked for."
    elif any(row.why is None for row in rows):
        yield (
            f"Needed: a drop of {wanted.drop:g} is red {share}, and a version that is no worse green {share}. "
            f"{_certainty(rows, 'a number of cases')}"
        )
    yield from _impossible(wanted, rows)
    yield from (_ABOUT[about] for about in _ABOUT if any(row.shape.about == about for row in shown))
    for row in {each.shape.name: each for each in shown}.values():
        if row.at_hand is not None:
            cases, samples = row.at_hand
            yield f"{row.shape.name}: {cases:,} cases find it with {plural(samples, 'sample')} each."
    yield from dict.fromkeys(
        _fewest(row) for row in shown if row.shape.about == "population" or wanted.drop is None
    )  # about the suite the cases needed for a drop are always enough
    for row in shown:
        yield from _never(row)
    priced = [row for row in shown if row.cost is not None]
    if wanted.drop is not None and len(priced) > 1 and len({row.shape.name for row in priced}) == 1:
        best = min(priced, key=lambda row: row.cost or 0.0)
        yield f"Cheapest: {best.shape.samples:,} samples of {best.shape.cases:,} cases."
    if shown:
        yield from _doubts(gate)


def _certainty(rows: Sequence[PlanRow], what: str) -> str:
    """Say how exact the figures are that were simulated."""
    outlooks = [each for row in rows for each in (row.unchanged, row.dropped) if each is not None]
    gates, share = outlooks[0].gates, max(each.standard_error for each in outlooks)
    error = max(row.error for row in rows)
    likely = f", {what} within {100 * _TWO_SIDED * error:.0f} %" if error else ""
    many = any(row.shape.cases > SIMULATED_CASES for row in rows if row.unchanged is not None)
    large = f" A suite of more than {SIMULATED_CASES:,} cases is simulated by as many." if many else ""
    return (
        f"Of {gates:,} simulated gates: a share is within {_TWO_SIDED * share:.2f}{likely}. --gates simulates more of "
        f"them.{large}"
    )


def _impossible(wanted: PlanTarget, rows: Sequence[PlanRow]) -> Iterator[str]:
    """Say why no number of cases finds the drop, and what would help, once for each evaluation and reason."""
    failing = {(row.shape.name, row.shape.threshold, row.why): row for row in rows if row.why is not None}
    found = {(row.shape.name, row.shape.threshold) for row in rows if row.why is None}
    for (name, threshold, why), row in failing.items():
        margin, drop = row.shape.margin, f"{wanted.drop:g}"
        if why == "within the margin":
            yield (
                f"{name}: a drop of {drop} lies within the margin {margin:g}. The margin says that such a version may "
                "pass, so no gate is sure to be red. To find this drop lower the margin."
            )
        elif (name, threshold) in found:
            yield f"Too many: more than {MOST_CASES:,} cases. With more samples of each case fewer cases do."
        else:
            more = "" if row.shape.is_repeatable else "more samples of each case, "
            whole = "" if row.shape.about == "suite" else "--about suite, "
            yield (
                f"{name}: it takes too many cases, more than {MOST_CASES:,}. What may help: {more}{whole}fewer "
                f"evaluations in the gate, or a margin as wide as the drop."
            )


def _fewest(row: PlanRow) -> str:
    """Say how many cases a pass takes at least; about the suite it is the samples of all cases that count."""
    shape, fewest = row.shape, row.fewest
    count = "no number of cases" if fewest is None else f"{fewest:,} cases or more"
    if shape.about == "suite" and fewest is not None:
        count += f" of {plural(shape.samples, 'sample')} each"
    who = "a version that equals its baseline in every answer"
    if shape.threshold is not None:
        who = f"against {shape.threshold:g} a version that is always right"
    return f"At margin {shape.margin:g} {who} passes with {count}."


def _never(row: PlanRow) -> Iterator[str]:
    """Say why an evaluation can't pass as it is."""
    shape = row.shape
    if row.why is None and row.fewest is not None and row.fewest > shape.cases:
        ways = [f"give it {row.fewest - shape.cases:,} more"]
        if shape.about == "suite":
            ways.append(f"draw {math.ceil(row.fewest * shape.samples / shape.cases):,} samples of each")
        if row.margin is not None:
            ways.append(f"set its margin to {row.margin:g}")
        who = "however good" if shape.threshold is not None else "if no answer changes"
        yield f"{shape.name} can't pass with {shape.cases:,} cases, {who}: {', or '.join(ways)}."
    if shape.threshold is not None and shape.spread.mean <= shape.threshold - shape.margin:
        yield (
            f"{shape.name} can't pass with its score of {shape.spread.mean:.2f}: a pass proves a score above "
            f"{shape.threshold - shape.margin:g}."
        )


def _doubts(gate: PlannedGate) -> Iterator[str]:
    """Say what the spread does not know."""
    doubts = {
        "hardly any case differed. A version that answers otherwise takes more cases: see --differing.": [
            shape.name for shape in gate.shapes if shape.threshold is None and shape.spread.differing < _ALIKE
        ],
        "at temperature 0 the samples of a case are one draw: more cases tell more, more samples do not.": [
            shape.name for shape in gate.shapes if shape.is_repeatable
        ],
        "one sample of a case does not tell how much samples vary, so --correlation is guessed.": [
            shape.name for shape in gate.shapes if "samples" in shape.doubts
        ],
        "its cases share clusters, which is not simulated. Take more cases than this says.": [
            shape.name for shape in gate.shapes if "clusters" in shape.doubts
        ],
    }
    yield from (f"{_named(names)}: {doubt}" for doubt, names in doubts.items() if names)


def _named(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def plan_json(gate: PlannedGate, wanted: PlanTarget, rows: Sequence[PlanRow]) -> dict[str, Any]:
    """The plan for a program."""
    level = _red_level(gate)
    return {
        "source": gate.source,
        "confidence_level": gate.confidence_level,
        "evaluations": gate.evaluations,
        "power": wanted.power,
        "simulated_gates": max((row.unchanged.gates for row in rows if row.unchanged is not None), default=0),
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


def _row_json(row: PlanRow) -> dict[str, Any]:
    """A row; `cases` where a drop was asked for is the number that it takes."""
    return {
        **asdict(row.shape),
        "suffices": row.why is None,
        "why": row.why,
        "drop": row.drop,
        "unchanged": _outlook_json(row.unchanged),
        "dropped": _outlook_json(row.dropped),
        "fewest_cases": row.fewest,
        "smallest_margin": row.margin,
        "cost": row.cost,
        "relative_standard_error": row.error,
        "samples_at_hand": None if row.at_hand is None else row.at_hand[1],
    }


def _outlook_json(outlook: VerdictShares | None) -> dict[str, Any] | None:
    if outlook is None:
        return None
    return {
        "red": outlook.red,
        "green": outlook.green,
        "cases_used": outlook.cases,
        "gates": outlook.gates,
    }
