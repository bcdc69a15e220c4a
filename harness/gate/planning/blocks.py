"""What so many pairs of blocks of time find, from how much the pairs of a stored run differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.records import Report
from harness.statistics.intervals.signed_ranks import fewest_pairs, most_rank_sum, rank_sum_tail
from harness.statistics.searching import first_that

_EFFICIENCY = math.pi / 3
"""Signed ranks need so many times the pairs of t where differences are normal."""
_MOST_PAIRS = 1_000
_SHARES = (0.02, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class BlockPairs:
    """A measure of a stored run that was taken in pairs of blocks, each of them a case.

    Attributes:
        name, metric: of the evaluation, and of the measure.
        unit: of a loss; None for shares of the baseline's figure, whose logarithms differ.
        margin: that was required, in that unit.
        spread: standard deviation of the difference in a pair.
    """

    name: str
    metric: str
    unit: str | None
    margin: float
    pairs: int
    spread: float

    def smallest(self, level: float, power: float) -> float:
        """The smallest loss that is red so often with as many pairs, and a margin that is smaller than it."""
        shift = smallest_shift(self.spread, self.pairs, level, power)
        return math.expm1(shift) if self.unit is None else shift

    def pairs_for(self, drop: float | None, level: float, power: float) -> Mapping[str, int | None]:
        """Return how many pairs it takes to find a loss of this size, or of usual ones; None for more than 1,000."""
        sizes = (drop,) if drop is not None else _SHARES if self.unit is None else (self.margin, 2 * self.margin)
        named = ((size, f"{100 * size:g} %" if self.unit is None else f"{size:g} {self.unit}") for size in sizes)
        shifts = {name: math.log1p(size) if self.unit is None else size for size, name in named}
        return {name: pairs_for(self.spread, shift, level, power) for name, shift in shifts.items()}


def pairs_of_blocks(report: Report, names: Sequence[str]) -> Iterator[BlockPairs]:
    """The measures of a report that were taken in blocks, two pairs or more, beside a baseline.

    Args:
        names: what each of the report's evaluations is called.
    """
    for verdict, name in zip(report.evaluations, names, strict=True):
        both = [(case.candidate, case.baseline) for case in verdict.cases]
        known = np.array([pair for pair in both if None not in pair], dtype=np.float64).reshape(-1, 2)
        is_share = verdict.plan.margin_is_relative
        if not verdict.plan.in_blocks or len(known) < 2 or (is_share and bool((known <= 0).any())):
            continue
        differences = np.diff(np.log(known) if is_share else known, axis=1)
        unit = None if is_share else verdict.unit or ""
        yield BlockPairs(name, verdict.metric, unit, verdict.plan.margin, len(known), float(differences.std(ddof=1)))


def smallest_shift(spread: float, pairs: int, level: float, power: float) -> float:
    """The mean difference that signed ranks find so often in normal pairs; infinite where so few are never red.

    Of so few pairs that all must point one way, it is the mean for which they do. Of more, it is that of t at the level
    that signed ranks really have, which need pi / 3 times the pairs of t where differences are normal.

    Source: J. L. Hodges, E. L. Lehmann (1956), The efficiency of some nonparametric competitors of the t-test, Annals
    of Mathematical Statistics 27:324-335.
    """
    most = most_rank_sum(pairs, level)
    if most is None:
        return math.inf
    if most == 0:
        return float(special.ndtri(power ** (1 / pairs))) * spread
    limit = float(special.stdtrit(pairs - 1, 1 - rank_sum_tail(most, pairs)))
    return float(special.nctdtrinc(pairs - 1, 1 - power, limit)) * spread / math.sqrt(pairs / _EFFICIENCY)


def pairs_for(spread: float, shift: float, level: float, power: float) -> int | None:
    """The fewest pairs with which such a mean difference is found so often; None for more than 1,000."""
    fewest = fewest_pairs(level)
    return first_that(lambda pairs: smallest_shift(spread, pairs, level, power) <= shift, fewest, _MOST_PAIRS)
