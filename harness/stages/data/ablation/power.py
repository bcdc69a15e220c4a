"""Power of so many seeds, told before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from harness.statistics.planning import minimum_detectable_difference


@dataclass(frozen=True, slots=True)
class SeedPower:
    """The power of pairs of trainings; a pair has the same seed on either corpus.

    Attributes:
        pairs: how many.
        level: of a false finding, one-sided.
        power: the chance of finding what `smallest` says.
        sign_p: the p-value of a sign test if all pairs point one way, one-sided: the smallest that it can have.
        smallest: the difference that a paired t test finds so often, in standard deviations of a pair's difference;
            None for a single pair, which has none.
    """

    pairs: int
    level: float
    power: float
    sign_p: float
    smallest: float | None

    @property
    def sign_p_two_sided(self) -> float:
        """The same where either way would have been told."""
        return min(1.0, 2 * self.sign_p)

    def in_words(self) -> str:
        """One line.

        >>> print(seed_power(3).in_words())
        3 pairs of seeds: all pointing one way have p = 0.125 by signs (0.25 two-sided), too much for 0.05; a paired t \
test finds 2.3 standard deviations of a pair's difference in 8 of 10 runs
        """
        able = "enough" if self.sign_p < self.level else "too much"
        told = (
            f"{self.pairs} {'pair' if self.pairs == 1 else 'pairs'} of seeds: all pointing one way have p = "
            f"{self.sign_p:.3g} by signs ({self.sign_p_two_sided:.3g} two-sided), {able} for {self.level:.2g}"
        )
        if self.smallest is None:
            return f"{told}; a single pair has no spread, and nothing can be shown: train more seeds"
        return (
            f"{told}; a paired t test finds {self.smallest:.2g} standard deviations of a pair's difference in "
            f"{10 * self.power:g} of 10 runs"
        )


def seed_power(pairs: int, level: float = 0.05, power: float = 0.8) -> SeedPower:
    """Compute the power of so many pairs.

    >>> [round(seed_power(pairs).sign_p, 3) for pairs in (3, 4, 5)]
    [0.125, 0.062, 0.031]
    >>> round(seed_power(5).smallest, 2)
    1.36
    """
    smallest = None
    if pairs > 1:
        smallest = minimum_detectable_difference(pairs, 1.0, 0.0, 1, 1 - level, power, alternative="greater")
    return SeedPower(pairs, level, power, 0.5**pairs, smallest)
