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
    told = kind_in_words if kind_in_words(one) != kind_in_words(other) else kind_and_direction
    return f"metric {metric!r} is sometimes {told(one)}, sometimes {told(other)}"


def misfits(metric: str, kind: Kind, threshold: float | None, margin: float = 0.0) -> list[str]:
    """List what lies outside the range of a metric, which is [0, 1] for a score.

    Args:
        margin: in the unit of the metric.

    >>> from harness.scoring.results import Reading
    >>> misfits("s", Reading(1.0, unit="s", at_least=0.0, at_most=30.0), 40.0, 0.5)
    ["threshold 40 is outside [0, 30], and 's' is in s from 0 to 30"]
    """
    least, most = (0.0, 1.0) if kind.unit is None else (kind.at_least, kind.at_most)
    if least is None or most is None:
        return []
    what = f"{metric!r} is {kind_in_words(kind)}"
    found = []
    if threshold is not None and not least <= threshold <= most:
        found.append(f"threshold {threshold:g} is outside [{least:g}, {most:g}], and {what}")
    if margin >= most - least:
        found.append(f"margin {margin:g} lets everything pass, and {what}")
    return found


def aimed(readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """Readings of an evaluation whose marker says that lower is better."""
    return {metric: replace(reading, higher_is_better=False) for metric, reading in readings.items()}


def against_aim(metric: str, kind: Kind, aim: str | None) -> list[str]:
    """Say that the marker and a measure contradict each other; [] where they do not."""
    if aim != "higher" or kind.higher_is_better:
        return []
    return [f"the marker says aim='higher', and {metric!r} is {kind_and_direction(kind)}: leave one of the two out"]


def without_ratio(observed: Observations) -> list[str]:
    """Say why a margin in per cent can't be weighed; [] where it can."""
    if not observed.plan.margin_is_relative or not observed.scored.any():
        return []
    if observed.unit is None:
        return [
            f"margin={100 * observed.plan.margin:g} % is for measures, and {observed.metric!r} is a score in [0, 1]: "
            f"write margin={observed.plan.margin:g}"
        ]
    if observed.baseline is None:
        return []
    may_be_zero = (
        observed.plan.in_blocks and observed.higher_is_better
    )  # the worst there is: signed ranks need order alone
    for role, scores in (("candidate", observed.candidate), ("baseline", observed.baseline)):
        rows, _ = np.nonzero(scores < 0 if may_be_zero and role == "candidate" else scores <= 0)
        if len(rows):
            figure = float(np.nanmin(scores[rows[0]]))
            return [
                f"a margin in per cent is weighed by ratios, and the {role} measured {figure:g} {observed.unit} in "
                f"case {observed.case_ids[rows[0]]!r}: give the margin in {observed.unit}, or measure what is above 0"
            ]
    return []
