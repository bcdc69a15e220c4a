"""The kinds of metric: a score in [0, 1] or a measure in a unit, weighed by its mean or by a quantile."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The kind of a metric; whatever holds figures of one is of a kind.

    Attributes:
        unit: of a measure; None means scores in [0, 1].
        higher_is_better: False where less is better (seconds, perplexity).
        at_least, at_most: the declared range of a measure, which is bet on like a score then; None where it has none.
        statistic: the quantile that a measure is weighed by in place of its mean, "p1" to "p99".
    """

    unit: str | None = None
    higher_is_better: bool = True
    at_least: float | None = None
    at_most: float | None = None
    statistic: str | None = None

    def fields_of(self, part: type[Kind]) -> dict[str, Any]:
        """The fields that it has in common with all of that part of it, for another of the same."""
        return {each.name: getattr(self, each.name) for each in fields(part)}

    @property
    def span(self) -> tuple[float, float]:
        """The range: [0, 1] of a score, all numbers of a measure without one."""
        least, most = (0.0, 1.0) if self.unit is None else (self.at_least, self.at_most)
        return -math.inf if least is None else least, math.inf if most is None else most

    @property
    def width(self) -> float:
        """The width of its range: 1 for scores, and for a measure without a range."""
        least, most = self.span
        return most - least if math.isfinite(most - least) else 1.0

    @property
    def weighed_by(self) -> str:
        """The figure that it is weighed by: its quantile, the mean, or the median where no range bounds a mean."""
        return self.statistic or ("median" if math.isinf(self.span[1]) else "mean")

    @property
    def quantile(self) -> float | None:
        """The quantile that it is weighed by, in (0, 1); None for the mean."""
        name = self.weighed_by
        return None if name == "mean" else 0.5 if name == "median" else int(name.removeprefix("p")) / 100


def same_kind(one: Kind, other: Kind) -> bool:
    """Tell whether two figures can stand side by side: they have one unit, range, statistic and direction."""
    return one.fields_of(Kind) == other.fields_of(Kind)


def kind_in_words(kind: Kind) -> str:
    """Describe a metric without its direction: "in s from 0 to 30, weighed by p95", or "a score in [0, 1]"."""
    if kind.unit is None:
        return "a score in [0, 1]"
    span = "" if kind.at_most is None else f" from {kind.at_least:g} to {kind.at_most:g}"
    return f"in {kind.unit}{span}" + (f", weighed by {kind.statistic}" if kind.statistic else "")


def kind_and_direction(kind: Kind) -> str:
    """Describe a metric, and say which way is better."""
    return f"{kind_in_words(kind)}, {'higher' if kind.higher_is_better else 'lower'} being better"
