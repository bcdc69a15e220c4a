"""What decisions promise, measured by simulation: error rates, cost, coverage, power, time."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from scipy import stats

from harness.decisions import decide, first_looks, worst
from harness.decisions.questions import questions
from harness.gate.planning.simulation import ScoreSpread, Shape, observed
from harness.gate.sampling.order import most_samples
from harness.records import VerdictKind
from harness.statistics.arrays import FloatArray
from harness.statistics.intervals.means import clustered_mean
from harness.statistics.intervals.proportions import exact_lower
from tests.bench.sampling import Figure
from tests.decisions.observations import replace
from tests.simulated import simulated

LEVEL = 0.05
#: Chances of being right, Beta(0.569, 0.096) over the cases. Where 30 in 100 cases have others, lower by a fifth of
#: themselves so that the mean is lower by 0.05, a paired test with both errors 0.05 takes 302 cases of 5 samples, an
#: unpaired one 750.
SPREAD = ScoreSpread(mean=0.85552213, correlation=0.60072736, differing=0.3)
WALD = {0.9: 72.2, 0.8: 59.7}
_RATES, _SUITES, _SINGLE, _GATES, _AT_ONCE = 5000, 10_000, 20_000, 3000, 250
_WORKERS, _NICENESS = 2, 10
#: Cases and drop of suites in which about half to nine in ten of the gates come out right.
_POWER = ((50, 0.15), (100, 0.1), (200, 0.05), (300, 0.05))
_TRUTHS = (("the same version", None, "red"), ("30 % of the cases differ, none worse on average", 0.0, "red"),
           ("one worse by the margin, 0.05", 0.05, "green"))  # fmt: skip


def decisions(_folder: Path) -> list[Figure]:
    """All figures; time is measured first, while nothing else of this runs."""
    figures = [*time_of_a_decision()]
    with ProcessPoolExecutor(_WORKERS, initializer=os.nice, initargs=(_NICENESS,)) as workers:
        for measure in (single_case, paired_suite, coverage, power, error_rates):
            figures += measure(workers)
    return figures


def _added(
    workers: Executor, part: Callable[[int], FloatArray | float], total: int, at_once: int = _AT_ONCE
) -> FloatArray:
    """The sum of what all parts give, as a share of the total."""
    return np.sum(list(workers.map(part, range(total // _AT_ONCE))), axis=0) / total


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
        middle, name = median(taken), f"a decision on 1,000 cases × 10 samples, {design}"
        yield Figure(name, middle, "ms", "< 20 ms", middle < 20, f"slowest of 50: {max(taken):.1f} ms")


def single_case(workers: Executor) -> Iterator[Figure]:
    """A single case, 0.9 required and 0.8 allowed: samples in batches of 5 until it is decided."""
    for rate, bound in WALD.items():
        mean, wrong, still_open = _added(workers, partial(_single, rate), _SINGLE).tolist()
        name = f"single case, threshold 0.9, margin 0.1: samples where the rate is {rate}"
        beside = (
            f"Wald's bound {bound}, fixed design 135; wrong {wrong:.4f}, inconclusive {still_open:.4f} of {_SINGLE:,}"
        )
        yield Figure(name, mean, "samples", f"≤ {1.25 * bound:.1f}", mean <= 1.25 * bound, beside)


def _single(rate: float, part: int) -> FloatArray:
    """Samples used, and how many were decided wrongly and not at all."""
    most, sums = most_samples(0.9, 0.1), np.zeros(3)
    shape = Shape(cases=1, samples=most, threshold=0.9, margin=0.1)
    for run in range(_AT_ONCE):
        rng = np.random.default_rng([5, int(10 * rate), part, run])
        entry = observed(shape, (rng.random((1, most)) < rate).astype(float), None)
        (asked,) = questions(replace(entry, per="case", n_planned=most), (LEVEL, LEVEL))
        passed, worse = (end or math.inf for end in asked.ends((LEVEL, LEVEL)))
        is_wrong = worse < passed if rate == 0.9 else passed < worse
        sums += min(math.ceil(min(passed, worse, most) / 5) * 5, most), is_wrong, passed == worse == math.inf
    return sums


def paired_suite(workers: Executor) -> Iterator[Figure]:
    """A suite against its baseline: cases used where it is lower by the margin, 0.05, and where it is not."""
    for size in (300, 450, 600):
        for drop, said, most in ((0.05, "lower by 0.05", 302), (0.07, "lower by 0.07", 190), (0.0, "as good", 190)):
            mean, red, green = _added(workers, partial(_suites, size, drop), _GATES).tolist()
            right, wrong = (red, green) if drop else (green, red)
            beside = (
                f"right {right:.3f}, wrong {wrong:.3f}, the rest inconclusive; a fixed paired design takes 302, an "
                "unpaired one 750"
            )
            name = f"suite of {size} cases × 5 samples, betting: cases used where it is {said}"
            yield Figure(name, mean, "cases", f"≤ {most}", mean <= most, beside)


def _suites(size: int, drop: float, part: int) -> FloatArray:
    """Cases used, and how many are red and green."""
    shape, sums = Shape(cases=size, spread=SPREAD), np.zeros(3)
    for gate in range(_AT_ONCE):
        entry = simulated(shape, drop, np.random.default_rng([6, part, gate]))
        (verdict,) = decide([entry], 1 - LEVEL, tells_lost=False)
        sums += verdict.n_cases, verdict.verdict.is_red, verdict.verdict is VerdictKind.PASSED
    return sums


def coverage(workers: Executor) -> Iterator[Figure]:
    """How often the 0.95 interval of a mean of 0.9 holds it, where samples of a case have a correlation of 0.5."""
    for n_cases in (20, 50):
        for n_samples in (5, 10, 20):
            goal = 0.94 if n_cases >= 50 else 0.92 if n_samples <= 10 else 0.90
            share = float(_added(workers, partial(_held, n_cases, n_samples), _SUITES))
            name = f"coverage of a mean of 0.9, {n_cases} cases × {n_samples} samples, correlation 0.5"
            beside = f"{_SUITES:,} suites, standard error {(share * (1 - share) / _SUITES) ** 0.5:.4f}"
            yield Figure(name, share, "of the suites", f"≥ {goal:.2f}", share >= goal, beside)


def _held(n_cases: int, n_samples: int, part: int) -> float:
    shape = Shape(cases=n_cases, samples=n_samples, threshold=0.9, spread=ScoreSpread(mean=0.9, correlation=0.5))
    rngs = (np.random.default_rng([8, n_cases, n_samples, part, suite]) for suite in range(_AT_ONCE))
    means = (clustered_mean(simulated(shape, 0.0, rng).candidate) for rng in rngs)
    return sum(mean.low <= 0.9 <= mean.high for mean in means)


def power(workers: Executor) -> Iterator[Figure]:
    """Red where a suite is lower, green where it is not: the product's fixed design, and the paired t test."""
    for n_cases, drop in _POWER:
        lower, as_good = (
            _added(workers, partial(_beside_t, n_cases, drop, truth), 2 * _GATES) for truth in (drop, 0.0)
        )
        wrong = f"; false green at the margin {lower[0, 1]:.3f} against {lower[1, 1]:.3f}"
        for what, (ours, theirs), beside in (
            (f"red, lower by {drop:g}", lower[:, 0].tolist(), ""),
            (f"green, margin {drop:g}", as_good[:, 1].tolist(), wrong),
        ):
            lost = 100 * (theirs - ours)
            name = f"fixed paired design, {n_cases} cases: power lost against the paired t test ({what})"
            told = f"{ours:.3f} against {theirs:.3f} of {2 * _GATES:,}{beside}"
            yield Figure(name, lost, "points", "≤ 2", lost <= 2, told)


def _beside_t(n_cases: int, margin: float, drop: float, part: int) -> FloatArray:
    """How many suites are red and green, for the product and for the t test: (2, 2)."""
    shape, counts = Shape(cases=n_cases, margin=margin, spread=SPREAD, design="fixed"), np.zeros((2, 2))
    quantile = stats.t.ppf(1 - LEVEL, n_cases - 1)
    for gate in range(_AT_ONCE):
        entry = simulated(shape, drop, np.random.default_rng([9, n_cases, part, gate]))
        assert entry.baseline is not None
        (verdict,) = decide([entry], 1 - LEVEL, tells_lost=False)
        counts[0] += verdict.verdict.is_red, verdict.verdict is VerdictKind.PASSED
        differences = entry.candidate.mean(axis=1) - entry.baseline.mean(axis=1)
        half = quantile * differences.std(ddof=1) / n_cases**0.5
        passed = differences.mean() - half > -margin
        counts[1] += not passed and differences.mean() + half < 0, passed
    return counts


def error_rates(workers: Executor) -> Iterator[Figure]:
    """False red and false green of gates of 200 cases × 5 samples each, and where whole cases are lost."""
    rates = {}
    for design in ("sequential", "fixed"):
        for count in (1, 4):
            for name, drop, wrong in _TRUTHS:
                told = f"false {wrong}: {design}, {count} evaluation{'s' if count > 1 else ''}, {name}"
                rates[told] = partial(_wrong, design, count, drop, wrong)
    same = "that share their answers: twice the same, graded, and with the versions swapped"
    rates[f"false red: sequential, 4 evaluations {same}"] = _dependent
    for design in ("sequential", "fixed"):
        for n_cases in (70, 100, 200):
            lost = f"1 evaluation of {n_cases} cases × 3 samples, 1 case in 20 lost altogether, all others always right"
            rates[f"false green: {design}, {lost}"] = partial(_lost, design, n_cases)
    for name, part in rates.items():
        count = round(float(_added(workers, part, _RATES)) * _RATES)
        beside = f"at most {1 - exact_lower(_RATES - count, _RATES, LEVEL):.4f}, {_RATES:,} gates"
        yield Figure(name, count / _RATES, "of the gates", "≤ 0.05", count / _RATES <= LEVEL, beside)


def _wrong(design: str, count: int, drop: float | None, wrong: str, part: int) -> float:
    """Gates with the wrong colour; where it is green, one evaluation is lower and nothing is wrong with the others."""
    shape, found = Shape(design=design), 0  # type: ignore[arg-type]
    looks = first_looks(str(number) for number in range(count))
    for gate in range(_AT_ONCE):
        rng = np.random.default_rng([1, len(wrong), part, gate])
        drops = [drop if wrong == "red" or number == gate % count else None for number in range(count)]
        entries = [simulated(shape, each, rng, str(number)) for number, each in enumerate(drops)]
        kind = worst(each.verdict for each in decide(entries, 1 - LEVEL, looks=looks, tells_lost=False))
        found += kind.is_red if wrong == "red" else kind is VerdictKind.PASSED
    return found


def _dependent(part: int) -> float:
    red = 0
    for gate in range(_AT_ONCE):
        rng = np.random.default_rng([2, part, gate])
        first = simulated(Shape(), 0.0, rng)
        assert first.baseline is not None
        steps = 0.5 + 0.5 * rng.random((len(first.candidate), 1))
        graded = replace(first, candidate=steps * first.candidate, baseline=steps * first.baseline)
        swapped = replace(first, candidate=first.baseline, baseline=first.candidate)
        entries = [replace(each, id=str(i)) for i, each in enumerate((first, first, graded, swapped))]
        red += worst(verdict.verdict for verdict in decide(entries, 1 - LEVEL)).is_red
    return red


def _lost(design: str, n_cases: int, part: int) -> float:
    shape, ones, green = Shape(cases=n_cases, samples=3, design=design), np.ones((n_cases, 3)), 0  # type: ignore[arg-type]
    for gate in range(_AT_ONCE):
        rng = np.random.default_rng([4, n_cases, part, gate])
        kept = np.repeat((rng.random((n_cases, 1)) >= shape.margin).astype(float), 3, axis=1)
        (verdict,) = decide([observed(shape, kept, ones)], 1 - LEVEL)
        green += verdict.verdict is VerdictKind.PASSED
    return green
