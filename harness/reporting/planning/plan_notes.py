"""The notes below the table of a plan: what it means, how exact it is, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.gate.planning.plans import PlanRow, PlanTarget, Remedy
from harness.gate.planning.power import MOST_CASES
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape
from harness.reporting.shared.figures import plural

_ALIKE = 0.02
#: Standard errors on either side of a figure that hold the truth in 95 of 100 cases.
_TWO_SIDED = 1.96


def plan_notes(gate: PlannedGate, wanted: PlanTarget, rows: Sequence[PlanRow]) -> Iterator[str]:
    """Say what the table means, and what to do about it."""
    share = f"in {100 * wanted.power:g} of 100 gates"
    if gate.unlike:
        yield gate.unlike
    if gate.blocks:
        yield (
            f"Pairs of blocks: a loss is red {share} with so many pairs, where the margin is smaller than it; within "
            "the margin it passes."
        )
    if not rows:
        return
    if wanted.drop is None:
        yield f"Finds: the smallest drop that is red {share}. {_certainty(rows, 'a drop')}"
        at_margin = [row.shape.name for row in rows if row.drop is not None and row.drop == row.shape.margin]
        if at_margin:
            yield f"{_named(at_margin)}: the drop found is the margin. A smaller one may pass, so none is looked for."
    elif any(row.suffices for row in rows):
        yield (
            f"Needed: a drop of {wanted.drop:g} is red {share}, and a version that is no worse green {share}. "
            f"{_certainty(rows, 'a number of cases')}"
        )
    yield from _impossible(wanted, rows)
    shown = [row for row in rows if row.why in (None, "too many")]
    if not shown:
        return
    yield from _about(shown)
    yield from _limits(wanted, shown)
    for row in rows:
        yield from _never(row)
    if wanted.costs is not None and wanted.drop is not None:
        yield from _cheapest(rows)
    yield from _doubts(gate)


def _certainty(rows: Sequence[PlanRow], what: str) -> str:
    """Say how exact the figures are: by simulation, by the normal approximation, or some by each."""
    outlooks = [row.unchanged for row in rows if row.unchanged is not None]
    simulated = [each.green.gates for each in outlooks if each.green.gates]
    said = []
    if simulated:
        error = max(row.error for row in rows)
        likely = f", {what} within {100 * _TWO_SIDED * error:.0f} %" if error else ""
        both = [each for row in rows for each in (row.unchanged, row.dropped) if each is not None]
        share = _TWO_SIDED * max(max(each.red.standard_error, each.green.standard_error) for each in both)
        gates = f"{min(simulated):,}" if min(simulated) == max(simulated) else f"{min(simulated):,} or more"
        said.append(
            f"Of {gates} simulated gates: a share is within {share:.2f}{likely}. --gates simulates more of them."
        )
    if len(simulated) < len(outlooks):
        large = [row for row in rows if row.unchanged is not None and row.unchanged.cases is None]
        fewest = min((row.shape.cases for row in large), default=0)
        which = f"{fewest:,} cases or more: computed" if large and simulated else "Computed"
        said.append(f"{which} by the normal approximation, not simulated.")
    return " ".join(said)


def _impossible(wanted: PlanTarget, rows: Sequence[PlanRow]) -> Iterator[str]:
    """Say why no number of cases finds the drop, and what would, once for each evaluation and reason."""
    failing: dict[tuple[str, float | None, str], PlanRow] = {}
    for row in rows:
        if row.why is not None:
            failing[row.shape.name, row.shape.threshold, row.why] = row  # the last has the most samples
    found = {(row.shape.name, row.shape.threshold) for row in rows if row.suffices}
    for (name, threshold, why), row in failing.items():
        ways = [_way(row, each) for each in row.remedies]
        helps = f" What would help, by the normal approximation: {'; '.join(ways)}." if ways else ""
        margin, drop = row.shape.margin, f"{wanted.drop:g}"
        if why == "within the margin":
            yield (
                f"{name}: a drop of {drop} lies within the margin {margin:g}. The margin says that such a version may "
                f"pass, so no gate is sure to be red. To find this drop lower the margin: plan with --margin {drop}."
            )
        elif why == "at the margin":
            yield (
                f"{name}: a drop of {drop} is the margin itself. Such a version may pass as often as the error rate "
                f"allows, so it can't be red in {100 * wanted.power:g} of 100 gates. Lower --power or the margin."
            )
        elif (name, threshold) in found:
            yield f"Too many: more than {MOST_CASES:,} cases. With more samples of each case fewer cases do."
        else:
            yield f"{name}: it takes too many cases, more than {MOST_CASES:,}.{helps}"


def _way(row: PlanRow, remedy: Remedy) -> str:
    """A remedy in words."""
    cases = f"about {remedy.cases:,} cases x {row.shape.samples:,}"
    if remedy.what == "evaluations":
        return f"this evaluation alone in its gate, {cases}"
    if remedy.what == "margin":
        return f"--margin {remedy.value:g}, {cases}"
    if remedy.what == "samples":
        return f"--samples {remedy.value:g}, about {remedy.cases:,} cases"
    if remedy.what == "about":
        return f"--about suite, {cases} samples"
    return f"{remedy.cases:,} cases find a drop of {remedy.value:.2g}"


def _about(rows: Sequence[PlanRow]) -> Iterator[str]:
    """Say what the figures are about, and what the other claim would take."""
    about = {row.shape.about for row in rows}
    if "suite" in about:
        yield (
            "These figures are about these cases: only their samples are left to chance. A verdict about cases like "
            "these takes more cases: see --about population."
        )
    if "population" in about:
        yield (
            "These figures are about cases like these, of which yours are a sample. A verdict about these cases alone "
            "takes fewer: see --about suite."
        )
    for row in {each.shape.name: each for each in rows}.values():
        if row.at_hand is not None:
            cases, samples = row.at_hand
            yield f"{row.shape.name}: {cases:,} cases find it with {plural(samples, 'sample')} each."


def _limits(wanted: PlanTarget, rows: Sequence[PlanRow]) -> Iterator[str]:
    """Say how many cases a pass takes at least, once for each requirement.

    About the suite it is the samples of all cases that count, and the cases needed for a drop are always enough.
    """
    limited = [row for row in rows if row.shape.about == "population" or wanted.drop is None]
    for shape, fewest in dict.fromkeys((_requirement(row.shape), row.fewest) for row in limited):
        count = "no number of cases" if fewest is None else f"{fewest:,} cases or more"
        each = f" of {plural(shape.samples, 'sample')} each" if shape.about == "suite" and fewest is not None else ""
        yield f"At margin {shape.margin:g} {_perfect(shape)} passes with {count}{each}."


def _perfect(shape: Shape) -> str:
    """Name the version that passes with the fewest cases."""
    if shape.threshold is None:
        return "a version that equals its baseline in every answer"
    return f"against {shape.threshold:g} a version that is always right"


def _requirement(shape: Shape) -> Shape:
    samples = shape.samples if shape.about == "suite" else 1
    return Shape(
        samples=samples, margin=shape.margin, threshold=shape.threshold, design=shape.design, about=shape.about
    )


def _never(row: PlanRow) -> Iterator[str]:
    """Say why an evaluation can't pass as it is."""
    shape = row.shape
    if row.suffices and row.fewest is not None and row.fewest > shape.cases:
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


def _cheapest(rows: Sequence[PlanRow]) -> Iterator[str]:
    priced = [row for row in rows if row.cost is not None]
    if len({row.shape.name for row in priced}) == 1 and len(priced) > 1:
        best = min(priced, key=lambda row: row.cost or 0.0)
        yield f"Cheapest: {best.shape.samples:,} samples of {best.shape.cases:,} cases."


def _doubts(gate: PlannedGate) -> Iterator[str]:
    """Say what the spread does not know."""
    alike = [shape.name for shape in gate.shapes if shape.threshold is None and shape.spread.differing < _ALIKE]
    if alike:
        yield (
            f"{_named(alike)}: hardly any case differed. A version that answers otherwise takes more cases: see "
            "--differing."
        )
    once = [each.shape.name for each in gate.seen if not each.has_samples]
    if once:
        yield f"{_named(once)}: one sample of a case does not tell how much samples vary, so --correlation is guessed."
    clustered = [each.shape.name for each in gate.seen if each.is_clustered]
    if clustered:
        yield f"{_named(clustered)}: its cases share clusters, which is not simulated. Take more cases than this says."


def _named(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))
