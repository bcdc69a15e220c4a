"""The kinds of metric: a score in [0, 1] or a measure in a unit, weighed by its mean or by a quantile."""

from __future__ import annotations

from operator import attrgetter
from typing import Protocol

_OF_KIND = attrgetter("unit", "higher_is_better", "at_least", "at_most", "statistic")


class Kind(Protocol):
    """Whatever tells what a metric is."""

    @property
    def unit(self) -> str | None:
        """Of a measure; None means scores in [0, 1]."""

    @property
    def higher_is_better(self) -> bool:
        """False where less is better (seconds, perplexity)."""

    @property
    def at_least(self) -> float | None:
        """Where the range of a measure begins, if it has one; it is bet on like a score then."""

    @property
    def at_most(self) -> float | None:
        """Where it ends."""

    @property
    def statistic(self) -> str | None:
        """The quantile that a measure is weighed by in place of its mean, "p1" to "p99"."""


def same_kind(one: Kind, other: Kind) -> bool:
    """Tell whether two figures can stand side by side: they have one unit, range, statistic and direction."""
    return bool(_OF_KIND(one) == _OF_KIND(other))


def kind_in_words(kind: Kind) -> str:
    """Describe a metric without its direction: "in s from 0 to 30, weighed by p95", or "a score in [0, 1]"."""
    if kind.unit is None:
        return "a score in [0, 1]"
    span = "" if kind.at_most is None else f" from {kind.at_least:g} to {kind.at_most:g}"
    return f"in {kind.unit}{span}" + (f", weighed by {kind.statistic}" if kind.statistic else "")


def weighed_by(kind: Kind) -> str:
    """The figure that a metric is weighed by: its quantile, the mean, or the median where no range bounds a mean."""
    return kind.statistic or ("median" if kind.unit is not None and kind.at_most is None else "mean")


def kind_and_direction(kind: Kind) -> str:
    """Describe a metric, and say which way is better."""
    return f"{kind_in_words(kind)}, {'higher' if kind.higher_is_better else 'lower'} being better"
