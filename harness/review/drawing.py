"""Which answers people are to see: drawn at random, with probabilities that are stored with them.

Every item has its turn in a random order, and is then drawn or not, each by itself. Where a judge is unsure and its
scores of the case disagree, the probability is larger; a tenth of it is the same for all, so that no item is out of
reach. Whoever weighs each label with the inverse of its probability gets no bias from the choice: D. G. Horvitz,
D. J. Thompson (1952), A generalization of sampling without replacement from a finite universe, JASA 47:663-685.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.statistics.arrays import FloatArray, IntArray

FLOOR = 0.1
"""The share of the draws that is spread evenly over all items."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What was drawn.

    Attributes:
        order: (n_drawn,) numbers of the items in the order of their turns.
        probabilities: (n_drawn,) of each, with which it was drawn when its turn came.
    """

    order: IntArray
    probabilities: FloatArray


def interest(judged: FloatArray, spread: FloatArray) -> FloatArray:
    """How much a label of each item would tell: the judge's uncertainty times the disagreement of its scores.

    Args:
        judged: (n_items,) the judge's score, in [0, 1]; NaN where there is none.
        spread: (n_items,) the range of the scores of the same case, over samples and versions, in [0, 1].

    Returns:
        (n_items,) of any scale; the disagreement counts as 1 where no case shows any, the uncertainty likewise.

    >>> interest(np.array([0.5, 0.75, 1.0]), np.array([1.0, 0.5, 1.0])).tolist()
    [1.0, 0.25, 0.0]
    """
    uncertainty = np.nan_to_num(1 - np.abs(2 * judged - 1), nan=1.0)
    parts = [part if bool((part > 0).any()) else np.ones_like(part) for part in (uncertainty, spread)]
    return np.asarray(parts[0] * parts[1], dtype=np.float64)


def draw(weights: FloatArray, expected: int, generator: np.random.Generator) -> Drawing:
    """Draw items with probabilities that go with their weights, so many on average; all, where there are no more.

    Args:
        weights: (n_items,) 0 or more, of any scale.
        expected: how many items are drawn on average, 1 or more.
    """
    order = generator.permutation(len(weights)).astype(np.int64)
    chances = _probabilities(weights, expected)
    drawn = order[generator.random(len(weights)) < chances[order]]
    return Drawing(drawn, chances[drawn])


def _probabilities(weights: FloatArray, expected: int) -> FloatArray:
    """Probabilities that add up to `expected`: those that would be above 1 are 1, and the others share the rest."""
    n_items = len(weights)
    if expected >= n_items:
        return np.ones(n_items)
    total = float(weights.sum())
    share = weights / total if total > 0 else np.full(n_items, 1 / n_items)
    share = FLOOR / n_items + (1 - FLOOR) * share
    certain = np.zeros(n_items, dtype=bool)
    while True:
        chances = np.ones(n_items)
        rest = ~certain
        chances[rest] = (expected - int(certain.sum())) * share[rest] / share[rest].sum()
        if not bool((chances > 1).any()):
            return chances
        certain |= chances > 1
