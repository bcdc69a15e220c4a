"""What the table of a plan means, how exact it is, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.gate.planning import MOST_CASES
from harness.gate.plans import PlanRow, Remedy, Wanted
from harness.gate.shapes import Gate
from harness.gate.simulation import Shape
from harness.reporting.figures import plural

_ALIKE = 0.02
#: Standard errors on either side of a figure that hold the truth in 95 of 100 cases.
_TWO_SIDED = 1.96


def plan_notes(gate: Gate, wanted: Wanted, rows: Sequence[PlanRow]) -> Iterator[str]:
    """What the table means, and what to do about it."""
    share = f"in {100 * wanted.power:g} of 100 gates"
    if gate.unlike:
        yield gate.unlike
    if wanted.drop is None:
        yield f"Finds: the smallest drop that is red {share}. {_certainty(rows, 'a drop')}"
    elif any(row.suffices for row in rows):
        yield (
            f"Needed: a drop of {wanted.drop:g} is red {share}, and a version that is no worse green {share}. "
            f"{_certainty(rows, 'a number of cases')}"
        )
    yield from _impossible(wanted, rows)
    within = [row.shape.name for row in rows if row.suffices and row.drop is not None and row.drop < row.shape.margin]
    if within:
        yield f"{_named(within)}: the drop lies within the margin: red is right for such a version, and so is green."
    yield from _about_suite(rows)
    yield from _limits(rows)
    for row in rows:
        yield from _never(row)
        if row.split is not None and wanted.budget is None and wanted.drop is None:
            yield _same_money(row)
    if wanted.costs is not None and wanted.drop is not None:
        yield from _cheapest(rows)
    yield from _doubts(gate)


def _certainty(rows: Sequence[PlanRow], what: str) -> str:
    """How exact the figures are: by simulation, by the normal approximation, or some by each."""
    outlooks = [row.unchanged for row in rows if row.unchanged is not None]
    simulated = [each.green.gates for each in outlooks if each.green.gates]
    said = []
    if simulated:
        error = max(row.error for row in rows)
        likely = f", {what} within {100 * _TWO_SIDED * error:.0f} %" if error else ""
        both = [each for row in rows for each in (row.unchanged, row.dropped) if each is not None]
        share = _TWO_SIDED * max(max(each.red.standard_error, each.green.standard_error) for each in both)
        gates = f"{min(simulated):,}" if min(simulated) == max(simulated) else f"{min(simulated):,} or more"
        said.append(f"Of {gates} simulated gates: a share is within {share:.2f}{likely}; --gates for more.")
    if len(simulated) < len(outlooks):
        large = [row for row in rows if row.unchanged is not None and row.unchanged.cases is None]
        fewest = min((row.shape.cases for row in large), default=0)
        which = f"{fewest:,} cases or more: computed" if large and simulated else "Computed"
        said.append(f"{which} by the normal approximation, not simulated.")
    return " ".join(said)


def _impossible(wanted: Wanted, rows: Sequence[PlanRow]) -> Iterator[str]:
    """Why no number of cases finds the drop, and what would, once for each evaluation and reason."""
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
                f"{name}: a drop of {drop} lies within the margin {margin:g}: such a version may pass, so no number of "
                f"cases is sure to find it. Lower the margin to find it.{helps}"
            )
        elif why == "at the margin":
            yield (
                f"{name}: a drop of {drop} is the margin itself, and such a version may pass as often as the error "
                f"rate allows: red in {100 * wanted.power:g} of 100 gates can't be had. Lower --power or the margin."
            )
        elif (name, threshold) in found:
            yield f"Too many: more than {MOST_CASES:,} cases; more samples of each case make up for it."
        else:
            yield f"{name}: too many are more than {MOST_CASES:,} cases.{helps}"


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


def _about_suite(rows: Sequence[PlanRow]) -> Iterator[str]:
    """That samples are as good as cases where verdicts are about the suite."""
    about = [row for row in rows if row.shape.about == "suite"]
    if not about:
        return
    yield (
        "About these cases: only what varies within a case is left to chance, so that samples are as good as cases. A "
        "gate that may stop early keeps a part of its error rate for that, and takes somewhat more."
    )
    for row in {each.shape.name: each for each in about}.values():
        if row.at_hand is not None:
            cases, samples = row.at_hand
            yield f"{row.shape.name}: with the {cases:,} cases that there are: {plural(samples, 'sample')} of each."


def _limits(rows: Sequence[PlanRow]) -> Iterator[str]:
    """How many cases a pass takes at least, once for each requirement."""
    limited = [row for row in rows if row.shape.about == "population" and row.why in (None, "too many")]
    for shape, fewest in dict.fromkeys((_requirement(row.shape), row.fewest) for row in limited):
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
