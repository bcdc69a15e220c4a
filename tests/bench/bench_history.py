"""History: how often a change is told where nothing changed, and how often a drop is found, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from harness.decisions import Observations
from harness.gate.baselines.timeline import Drawn, case_changes, case_samples, mean_changes
from harness.records import Plan
from harness.statistics.arrays import FloatArray, IntArray
from tests.bench.sampling import Figure

LEVEL, MARGIN = 0.05, 0.05
FALSE_RUNS, FOUND_RUNS, _WORKERS, _AT_ONCE = 200, 60, 2, 20
POINTS = (3, 10)
KINDS = {
    "rates of 0.9, 20 cases of 5 samples": (20, 5, lambda rng, n: np.full(n, 0.9)),
    "rates that differ, 20 cases of a sample": (20, 1, lambda rng, n: rng.beta(4.5, 0.5, n)),
    "all cases but 2 always right or wrong, 50 cases of 5": (50, 5, lambda rng, n: _mostly_fixed(rng, n)),
    "wrong once in 500, 50 cases of 5": (50, 5, lambda rng, n: np.full(n, 0.998)),
}
"""Cases, samples, and the true rates of the cases."""


DROPS = [
    (1, 50, 5, 4, 0.2), (1, 50, 10, 5, 0.7), (1, 50, 10, 9, 0.1), (1, 20, 30, 15, 0.7), (1, 50, 30, 15, 0.9),
    (2, 50, 5, 4, 0.8), (2, 50, 10, 5, 0.9), (2, 50, 10, 9, 0.7), (2, 20, 30, 15, 0.9), (2, 50, 30, 15, 0.95),
]  # fmt: skip
"""Margins, cases, points, the first point after the drop, and the share of histories in which it is to be found."""


def history(_: Path) -> list[Figure]:
    """All figures."""
    with ProcessPoolExecutor(_WORKERS) as workers:
        return [figure for measure in (false, found) for figure in measure(workers)]


def false(workers: Executor) -> Iterator[Figure]:
    """Histories in which nothing changed."""
    for name in KINDS:
        for n_points in POINTS:
            for copies in (False, True):
                if copies and KINDS[name][1] == 1:
                    continue
                said = (
                    f"nothing changed, {n_points} points, {name}{', each version always answering the same' * copies}"
                )
                value = _share(workers, partial(_false, name, n_points, copies), FALSE_RUNS)
                yield Figure(f"{said}: a change of the mean", value, "of histories", "≤ 0.05", _is_kept(value))
    for n_points in POINTS:
        value = _share(workers, partial(_false_stopped, n_points), FALSE_RUNS)
        name = (
            f"nothing changed, {n_points} points that stop by their scores, up to 40 cases of 3: a change of the mean"
        )
        yield Figure(name, value, "of histories", "≤ 0.05", _is_kept(value))
    for n_points in POINTS:
        value = _share(workers, partial(_false_case, n_points), FALSE_RUNS)
        name = f"nothing changed, {n_points} points, 20 cases with rates from 0 to 1: a change of any case"
        yield Figure(name, value, "of histories", "≤ 0.05", _is_kept(value))


def found(workers: Executor) -> Iterator[Figure]:
    """A drop of one margin and of two, in the middle and at the newest point."""
    for margins, n_cases, n_points, at, goal in DROPS:
        part = partial(_found, margins, n_cases, n_points, at)
        runs = workers.map(part, range(FOUND_RUNS), chunksize=10)
        value, near = (sum(each) / FOUND_RUNS for each in zip(*runs, strict=True))
        where = f"{n_points} points, at point {at + 1}, {n_cases} cases of 5"
        name, beside = f"a drop of {margins} × margin 0.05, {where}: found", f"within one point of it: {near:.2f}"
        yield Figure(name, value, "of histories", f"≥ {goal}", value >= goal, beside)


def _is_kept(value: float) -> bool:
    return value <= LEVEL + 2 * (LEVEL * (1 - LEVEL) / FALSE_RUNS) ** 0.5


def _share(workers: Executor, part: Callable[[int], bool], runs: int) -> float:
    parts = workers.map(partial(_sum, part), range(0, runs, _AT_ONCE))
    return sum(parts) / runs


def _sum(part: Callable[[int], bool], first: int) -> int:
    return sum(part(number) for number in range(first, first + _AT_ONCE))


def _mostly_fixed(rng: np.random.Generator, n: int) -> FloatArray:
    rates = (rng.random(n) < 0.9).astype(float)
    rates[:2] = 0.5
    return rates


def drawn(scores: FloatArray, cases: IntArray | None = None) -> Drawn:
    """A point with these scores, (n_cases, n_samples)."""
    n = len(scores)
    names, plan = tuple(f"c{number}" for number in (range(n) if cases is None else cases)), Plan(about="suite")
    own = Observations("t", "score", plan, n_planned=n, suite_size=n, case_ids=names, candidate=scores, baseline=None)
    return Drawn(own, (None,) * n)


def _points(rng: np.random.Generator, rates: FloatArray, n_samples: int, copies: bool = False) -> list[Drawn]:
    """A point for each row of the rates, (n_points, n_cases)."""
    shape = *rates.shape, 1 if copies else n_samples
    scores = (rng.random(shape) < rates[..., np.newaxis]).astype(float)
    return [drawn(np.broadcast_to(each, (rates.shape[1], n_samples))) for each in scores]


def _false(name: str, n_points: int, copies: bool, number: int) -> bool:
    n_cases, n_samples, rates_of = KINDS[name]
    rng = np.random.default_rng([31, list(KINDS).index(name), n_points, copies, number])
    rates = np.tile(rates_of(rng, n_cases), (n_points, 1))
    return bool(mean_changes(_points(rng, rates, n_samples, copies), LEVEL))


def _false_stopped(n_points: int, number: int) -> bool:
    """Each point takes the cases in one order, and stops once their mean leaves the range from 0.8 to 0.93."""
    rng = np.random.default_rng([34, n_points, number])
    rates, order, points = rng.beta(4.5, 0.5, 40), rng.permutation(40), []
    for _ in range(n_points):
        scores = (rng.random((40, 3)) < rates[order, np.newaxis]).astype(float)
        means = np.cumsum(scores.mean(axis=1)) / np.arange(1, 41)
        ends = np.flatnonzero((means[5:] > 0.93) | (means[5:] < 0.8))
        n = 6 + int(ends[0]) if len(ends) else 40
        points.append(drawn(scores[:n], order[:n]))
    return bool(mean_changes(points, LEVEL))


def _false_case(n_points: int, number: int) -> bool:
    rng = np.random.default_rng([32, n_points, number])
    samples = case_samples(_points(rng, np.tile(rng.random(20), (n_points, 1)), 5))
    return any(case_changes(each, LEVEL / len(samples)) for each in samples.values())


def _found(margins: int, n_cases: int, n_points: int, at: int, number: int) -> tuple[bool, bool]:
    """Whether a change is found, and whether one is within a point of where it was."""
    rng = np.random.default_rng([33, margins, n_cases, n_points, at, number])
    rates = np.full((n_points, n_cases), 0.9)
    rates[at:] -= margins * MARGIN
    changes = mean_changes(_points(rng, rates, 5), LEVEL)
    return bool(changes), any(abs(each.at - at) <= 1 for each in changes)
