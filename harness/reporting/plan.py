"""A plan as a person reads it, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.decisions.looks import ordinal
from harness.gate.planning.candidates import NextCandidate
from harness.gate.planning.power import MOST_CASES, SIMULATED_CASES, ErrorRates, PlanRow, PlanTarget, VerdictShares
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block, printable
from harness.scoring.results import METRIC

_FINDABLE = (
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


@dataclass(frozen=True, slots=True)
class GatePlan:
    """A gate, what is wanted of it, and a row for each size of it."""

    gate: PlannedGate
    wanted: PlanTarget
    rows: tuple[PlanRow, ...]
    candidates: tuple[NextCandidate, ...] = ()

    @property
    def red_level(self) -> float:
        """What one comparison may spend by itself on a false red."""
        return ErrorRates.of(self.gate.confidence_level, self.gate.evaluations).red

    def as_json(self) -> dict[str, Any]:
        """The plan for a program; `cases` of a row where a drop was asked for is the number that it takes."""
        gate, wanted, level = self.gate, self.wanted, self.red_level
        return {
            "source": gate.source,
            "confidence_level": gate.confidence_level,
            "evaluations": gate.evaluations,
            "power": wanted.power,
            "simulated_gates": max((row.unchanged.gates for row in self.rows if row.unchanged is not None), default=0),
            "unlike": gate.unlike or None,
            "guessed": gate.guessed,
            "rows": [
                {
                    **asdict(row.shape),
                    "suffices": row.why is None,
                    "why": row.why,
                    "drop": row.drop,
                    "unchanged": _shares(row.unchanged),
                    "dropped": _shares(row.dropped),
                    "fewest_cases": row.fewest,
                    "smallest_margin": row.margin,
                    "cost": row.cost,
                    "relative_standard_error": row.error,
                    "samples_at_hand": None if row.at_hand is None else row.at_hand[1],
                }
                for row in self.rows
            ],
            "candidates": [asdict(each) for each in self.candidates],
            "blocks": [
                {
                    **asdict(each),
                    "smallest": each.smallest(level, wanted.power),
                    "pairs_for": each.pairs_for(wanted.drop, level, wanted.power),
                }
                for each in gate.blocks
            ],
        }


def _shares(each: VerdictShares | None) -> dict[str, Any] | None:
    if each is None:
        return None
    return {"red": each.red, "green": each.green, "cases_used": each.cases, "gates": each.gates}


def view(plan: GatePlan) -> Iterator[Block]:
    """Show the figures of each size, and what they mean."""
    gate, names = plan.gate, list(dict.fromkeys(shape.name for shape in plan.gate.shapes))
    designs = " and ".join(sorted({row.shape.design for row in plan.rows}))
    of_which = f", {names[0]}" if len(names) == 1 else f", each of {len(names)} evaluations its own"
    if gate.guessed:
        of_which = f": a guess, since nothing tells {', '.join(gate.guessed)}"
    elif gate.source.startswith("assumed"):
        of_which = ""
    counted = plural(gate.evaluations, "evaluation")
    yield f"steelyard plan   {counted}   {designs}   confidence {gate.confidence_level:g}"
    yield (f"spread {gate.source}{of_which}",)
    shown = [row for row in plan.rows if row.why in (None, "too many")]
    if shown:
        yield ""
        yield from dict.fromkeys((_title(row), _varies(row)) for row in shown)
        yield ""
        yield _table(plan.wanted, shown)
    if gate.blocks:
        yield ""
        yield _blocks(plan)
    yield ""
    yield from ((note,) for note in _notes(plan, shown))


def _title(row: PlanRow) -> str:
    return row.shape.name if row.shape.threshold is None else f"{row.shape.name} against {row.shape.threshold:g}"


def _varies(row: PlanRow) -> str:
    spread = row.shape.spread
    text = f"score {spread.mean:.2f}, correlation {spread.correlation:.2f}"
    return text if row.shape.threshold is not None else f"{text}, {round(100 * spread.differing)} in 100 cases differ"


def _table(wanted: PlanTarget, rows: Sequence[PlanRow]) -> list[tuple[str, ...]]:
    is_alone = len({_title(row) for row in rows}) == 1
    table = [*(_FINDABLE if wanted.drop is None else _NEEDED)]
    for row in rows:
        title, samples = "" if is_alone else printable(_title(row), 40), f"{row.shape.samples:,}"
        used = ["-" if each is None else f"{each.cases:,.0f}" for each in (row.unchanged, row.dropped)]
        price = "" if row.cost is None else f"{row.cost:,.4g}" if row.cost < 1000 else f"{row.cost:,.0f}"
        size, both = f"{row.shape.cases:,}", " / ".join(used)
        if row.unchanged is None:
            table.append((title, samples, "too many", "", "", ""))
        elif wanted.drop is None:
            drop = "none" if row.drop is None else f"{row.drop:.3f}"
            green = f"{row.unchanged.green:.2f}"
            table.append((title, f"{size} x {samples}", f"{row.shape.margin:g}", drop, green, both, price))
        else:
            drawn = f"{row.unchanged.cases * row.shape.samples:,.0f}"
            table.append((title, samples, size, both, drawn, price))
    return table if wanted.costs else [cells[:-1] for cells in table]


def _blocks(plan: GatePlan) -> list[tuple[str, ...]]:
    """Return what pairs of blocks find: the smallest loss by as many as there were, and how many a loss takes."""
    level, wanted = plan.red_level, plan.wanted
    table: list[tuple[str, ...]] = [("", "pairs", "find a loss of", "spread of a pair", "pairs for")]
    for each in plan.gate.blocks:
        name = each.name if each.metric == METRIC else f"{each.name}, {each.metric}"
        figures = [
            "none" if math.isinf(size) else f"{100 * size:.2g} %" if each.unit is None else f"{size:.2g} {each.unit}"
            for size in (each.smallest(level, wanted.power), each.spread)
        ]
        needed = each.pairs_for(wanted.drop, level, wanted.power)
        ways = ", ".join(f"{size}: {'more' if count is None else f'{count:,}'}" for size, count in needed.items())
        table.append((printable(name, 60), f"{each.pairs:,}", *figures, ways))
    return table


def _notes(plan: GatePlan, shown: Sequence[PlanRow]) -> Iterator[str]:
    """Say what the tables mean, how exact they are, and what to do about it."""
    gate, wanted, rows = plan.gate, plan.wanted, plan.rows
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
            own = "the default of" if gate.guessed and cases == Shape().cases else "the"
            yield f"{row.shape.name}: {own} {cases:,} cases would do with {plural(samples, 'sample')} each."
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
    for each in plan.candidates:
        yield " ".join(_of_candidates(each))


def _of_candidates(each: NextCandidate) -> Iterator[str]:
    """Say what the next candidate that is counted can come to, and when fresh cases are due."""
    yield (
        f"{each.evaluation}: the next candidate is the {ordinal(each.number)} counted on these cases, "
        f"{each.greens:,} green before it: a pass at {each.level:.2g}. One that is as good is green in "
        f"{each.green:.2f} of the gates, the first was in {each.green_first:.2f}."
    )
    fresh = f"{each.cases:,} in the place of all that there are begin anew."
    if each.due is None:
        yield "No fresh cases are due in the next 1,000."
    else:
        when = "now" if each.due == 0 else f"after {plural(each.due, 'more candidate')} not green"
        yield f"Fresh cases are due {when}: {fresh}"
    if each.looked_at is not None:
        burnt = "were looked at: they are burnt for whoever saw them"
        yield f"The cases {burnt if each.looked_at else 'were not looked at with the key'}."


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
    possible = {(row.shape.name, row.shape.threshold) for row in rows if row.why is None}
    for (name, threshold, why), row in failing.items():
        margin, drop = row.shape.margin, f"{wanted.drop:g}"
        if why == "within the margin":
            yield (
                f"{name}: a drop of {drop} lies within the margin {margin:g}. The margin says that such a version may "
                "pass, so no gate is sure to be red. To find this drop lower the margin."
            )
        elif (name, threshold) in possible:
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
        "the candidate was worse, so the score is the baseline's, and --differing is assumed.": [
            shape.name for shape in gate.shapes if "red" in shape.doubts
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
