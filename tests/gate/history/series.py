"""Series of versions whose true scores are known, and searches in them that draw by a seed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from harness.gate.history.bisection import Bisection, Measured
from harness.gate.planning.simulation import moved
from harness.statistics.arrays import FloatArray

CASES = 20


def rates(mean: float, rng: np.random.Generator, correlation: float = 0.5) -> FloatArray:
    """The true means of the cases, (CASES,), which differ as much as those of a real suite."""
    strength = 1 / correlation - 1
    drawn: FloatArray = rng.beta(mean * strength, (1 - mean) * strength, CASES)
    return moved(drawn, mean)


def stepped(good: FloatArray, n_versions: int, step: int, drop: float) -> FloatArray:
    """The rates of each version, (n_versions, CASES): lower by `drop` on average from `step` on."""
    bad = moved(good, float(good.mean()) - drop)
    return np.where(np.arange(n_versions)[:, np.newaxis] < step, good, bad)


def scores_of(rates: FloatArray, n_rounds: int, seed: Sequence[int]) -> FloatArray:
    """Samples of a version, (CASES, n_rounds); more rounds begin with the same ones."""
    drawn = np.random.default_rng(seed).random((n_rounds, len(rates))).T
    return (drawn < rates[:, np.newaxis]).astype(np.float64)


def bisected(
    truth: FloatArray, seed: Sequence[int], broken: Collection[int] = (), most: int = 20_000, **given: Any
) -> Bisection:
    """A search in a series of these rates, (n_versions, CASES); `broken` versions can't be measured."""
    told: list[str] = given.pop("told", [])
    drawn: dict[int, int] = {}
    own: Sequence[int] = given.pop("same", range(len(truth)))

    def measure(name: str, n_rounds: int) -> Measured | str:
        place = own[int(name)]
        if place in broken:
            return "it does not start"
        scores = scores_of(truth[place], n_rounds, (*seed, place))
        n_new = max(0, n_rounds - drawn.get(place, 0))
        drawn[place] = drawn.get(place, 0) + n_new
        rows = {("suite", f"case {case}"): row for case, row in enumerate(scores)}
        return Measured(f"print {place}", rows, n_drawn=n_new * CASES, **given)

    search = Bisection([str(place) for place in range(len(truth))], 0.95, 5, most, measure, told.append)
    search.run()
    return search
