"""Contradictions in the kind of a metric: readings that differ in it, a threshold that does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.records import Kind, kind_and_direction, kind_in_words

if TYPE_CHECKING:
    from harness.decisions import Observations
    from harness.scoring.results import Reading


def two_kinds(metric: str, one: Kind, other: Kind) -> str:
    """Say that readings of one metric are of two kinds."""
    described = kind_in_words if kind_in_words(one) != kind_in_words(other) else kind_and_direction
    return f"metric {metric!r} is sometimes {described(one)}, sometimes {described(other)}"


def misfits(metric: str, kind: Kind, threshold: float | None, margin: float = 0.0) -> list[str]:
    """List what lies outside the range of a metric; the margin is in its unit."""
    least, most = kind.span
    what, misfitting = f"{metric!r} is {kind_in_words(kind)}", []
    if threshold is not None and not least <= threshold <= most:
        misfitting.append(f"threshold {threshold:g} is outside [{least:g}, {most:g}], and {what}")
    if margin >= most - least:
        misfitting.append(f"margin {margin:g} lets everything pass, and {what}")
    return misfitting


def aimed(readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """Readings of an evaluation whose marker says that lower is better."""
    return {metric: replace(reading, higher_is_better=False) for metric, reading in readings.items()}


def against_aim(metric: str, kind: Kind, aim: str | None) -> list[str]:
    """Say that the marker and a measure contradict each other; [] where they do not."""
    if aim != "higher" or kind.higher_is_better:
        return []
    return [f"the marker says aim='higher', and {metric!r} is {kind_and_direction(kind)}: leave one of the two out"]


def failed_assertions(kinds: Mapping[str, Kind]) -> list[str]:
    """Say for which of these metrics a failed assertion, a 0, is no score of a body that failed."""
    return [
        f"a body that measures {metric!r} in {kind.unit} failed an assertion, which gives no measure"
        if kind.unit is not None
        else f"a body failed an assertion, which scores 0, and with aim='lower' 0 is the best {metric!r} there is: "
        "return the score instead, as in `return leaks(answer)`, or leave `aim` out"
        for metric, kind in kinds.items()
        if kind.unit is not None or not kind.higher_is_better
    ]


def without_ratio(observed: Observations) -> list[str]:
    """Say why a margin in per cent can't be weighed; [] where it can."""
    plan, unit = observed.plan, observed.unit
    if not plan.margin_is_relative or not observed.scored.any():
        return []
    if unit is None:
        what = f"margin={100 * plan.margin:g} % is for measures, and {observed.metric!r} is a score in [0, 1]"
        return [f"{what}: write margin={plan.margin:g}"]
    may_be_zero = plan.in_blocks and observed.higher_is_better  # the worst there is: signed ranks need order alone
    for role, scores in observed.sides.items() if len(observed.sides) > 1 else ():
        rows, _ = np.nonzero(scores < 0 if may_be_zero and role == "candidate" else scores <= 0)
        if len(rows):
            return [
                f"a margin in per cent is weighed by ratios, and the {role} measured {np.nanmin(scores[rows[0]]):g} "
                f"{unit} in case {observed.case_ids[rows[0]]!r}: give the margin in {unit}, or measure what is above 0"
            ]
    return []
