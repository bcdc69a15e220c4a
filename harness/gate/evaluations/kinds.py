"""What is wrong with what a metric is said to be: readings that differ in it, a threshold that does not fit."""

from __future__ import annotations

from harness.records import Kind, kind_and_direction, kind_in_words


def two_kinds(metric: str, one: Kind, other: Kind) -> str:
    """That readings of one metric are of two kinds."""
    told = kind_in_words if kind_in_words(one) != kind_in_words(other) else kind_and_direction
    return f"metric {metric!r} is sometimes {told(one)}, sometimes {told(other)}"


def misfits(metric: str, kind: Kind, threshold: float | None, margin: float) -> list[str]:
    """What lies outside the range of a metric, which is [0, 1] for a score.

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
