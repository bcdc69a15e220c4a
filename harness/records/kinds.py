"""The kinds of metric: a score in [0, 1] or a measure in a unit, weighed by its mean or by a quantile."""

from __future__ import annotations

from typing import Protocol


class Kind(Protocol):
    """Whatever tells what a metric is.

    Attributes:
        unit: of a measure; None means scores in [0, 1].
        higher_is_better: False where less is better (seconds, perplexity).
        at_least, at_most: the range of a measure, both or neither; it is bet on like a score then.
        statistic: the quantile that a measure is weighed by in place of its mean, "p1" to "p99"; None for the mean.
    """

    @property
    def unit(self) -> str | None:
        """The unit of a measure."""

    @property
    def higher_is_better(self) -> bool:
        """The direction."""

    @property
    def at_least(self) -> float | None:
        """The lower end of its range."""

    @property
    def at_most(self) -> float | None:
        """The upper end of its range."""

    @property
    def statistic(self) -> str | None:
        """Its quantile."""


def same_kind(one: Kind, other: Kind) -> bool:
    """Tell whether two figures can stand side by side: they have one unit, range, statistic and direction."""
    return _told(one) == _told(other)


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


def _told(kind: Kind) -> tuple[object, ...]:
    return kind.unit, kind.higher_is_better, kind.at_least, kind.at_most, kind.statistic
