"""Coverage of a suite's mean, power of the fixed paired test, and how long a decision takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np
from scipy import stats

from harness.decisions import decide
from harness.gate.planning.settling import settled
from harness.gate.planning.simulation import ScoreSpread, Shape, simulated
from harness.records import VerdictKind
from harness.statistics import clustered_mean
from harness.statistics.arrays import FloatArray
from tests.bench.decision_costs import LEVELS, SPREAD
from tests.bench.sampling import Figure

_SUITES, _GATES = 10_000, 6000
#: Cases and drop of suites in which about half to nine in ten of the gates come out right.
_POWER = ((50, 0.15), (100, 0.1), (200, 0.05), (300, 0.05))


def coverage(workers: Executor) -> Iterator[Figure]:
    """How often the 0.95 interval of a mean of 0.9 holds it, where samples of a case have a correlation of 0.5."""
    for n_cases in (20, 50):
        for n_samples in (5, 10, 20):
            goal = 0.94 if n_cases >= 50 else 0.92 if n_samples <= 10 else 0.90
            held = sum(workers.map(partial(_held, n_cases, n_samples), range(_SUITES // 1000)))
            share = held / _SUITES
            name = f"coverage of a mean of 0.9, {n_cases} cases × {n_samples} samples, correlation 0.5"
            error = (share * (1 - share) / _SUITES) ** 0.5
            beside = f"{_SUITES:,} suites, standard error {error:.4f}"
            yield Figure(name, share, "of the suites", f"≥ {goal:.2f}", share >= goal, beside)


def _held(n_cases: int, n_samples: int, part: int) -> int:
    shape = Shape(cases=n_cases, samples=n_samples, threshold=0.9, spread=ScoreSpread(mean=0.9, correlation=0.5))
    held = 0
    for suite in range(1000):
        scores = simulated(shape, 0.0, np.random.default_rng([8, n_cases, n_samples, part, suite])).candidate
        mean = clustered_mean(scores)
        held += mean.low <= 0.9 <= mean.high
    return held


def power(workers: Executor) -> Iterator[Figure]:
    """Red where a suite is lower, green where it is not: the product's fixed design, and the paired t test."""
    for n_cases, drop in _POWER:
        lower, as_good = (_shares(workers, n_cases, drop, truth) for truth in (drop, 0.0))
        wrong = f"false green at the margin {lower[0, 1]:.3f} against {lower[1, 1]:.3f}"
        for what, (ours, theirs), beside in (
            (f"red, lower by {drop:g}", lower[:, 0].tolist(), ""),
            (f"green, margin {drop:g}", as_good[:, 1].tolist(), f"; {wrong}"),
        ):
            lost = 100 * (theirs - ours)
            yield Figure(
                f"fixed paired design, {n_cases} cases: power lost against the paired t test ({what})",
                lost,
                "points",
                "≤ 2",
                lost <= 2,
                f"{ours:.3f} against {theirs:.3f} of {_GATES:,}{beside}",
            )


def _shares(workers: Executor, n_cases: int, margin: float, drop: float) -> FloatArray:
    """Shares of red and of green, of the product and of the t test: (2, 2)."""
    parts = workers.map(partial(_verdicts, n_cases, margin, drop), range(_GATES // 500))
    shares: FloatArray = np.sum(list(parts), axis=0) / _GATES
    return shares


def _verdicts(n_cases: int, margin: float, drop: float, part: int) -> FloatArray:
    """How many of 500 suites are red and green, for the product and for the t test: (2, 2)."""
    shape = Shape(cases=n_cases, margin=margin, spread=SPREAD, design="fixed")
    counts = np.zeros((2, 2))
    quantile = stats.t.ppf(0.95, n_cases - 1)
    for gate in range(500):
        entry = simulated(shape, drop, np.random.default_rng([9, n_cases, part, gate]))
        assert entry.baseline is not None
        kind, _ = settled(entry, LEVELS)
        counts[0] += kind.is_red, kind is VerdictKind.PASSED
        differences = entry.candidate.mean(axis=1) - entry.baseline.mean(axis=1)
        half = quantile * differences.std(ddof=1) / n_cases**0.5
        passed = differences.mean() - half > -margin
        counts[1] += not passed and differences.mean() + half < 0, passed
    return counts


def time_of_a_decision() -> Iterator[Figure]:
    """1,000 cases × 10 samples against a baseline: scores in, verdict out."""
    shape = Shape(cases=1000, samples=10, spread=SPREAD)
    for design in ("sequential", "fixed"):
        entry = replace(simulated(shape, 0.02, np.random.default_rng(10)), design=design)  # type: ignore[arg-type]
        taken = []
        for _ in range(50):
            began = time.perf_counter()
            decide([entry], 0.95)
            taken.append(1000 * (time.perf_counter() - began))
        middle = median(taken)
        name = f"a decision on 1,000 cases × 10 samples, {design}"
        yield Figure(name, middle, "ms", "< 20 ms", middle < 20, f"slowest of 50: {max(taken):.1f} ms")
