"""What decisions cost: samples of a single case, cases of a suite; and the same with group-sequential designs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import numpy as np

from harness.decisions.hypotheses import hypotheses
from harness.gate.planning.power import ErrorRates
from harness.gate.planning.settling import settled
from harness.gate.planning.simulation import ScoreSpread, Shape, observed, simulated
from harness.gate.sampling.order import most_samples
from harness.records import VerdictKind
from harness.statistics.planning import required_cases
from tests.bench.group_sequential import Boundaries, boundaries, decided
from tests.bench.sampling import Figure

WALD = {0.9: 72.2, 0.8: 59.7}
SUITES = (300, 450, 600)
#: Chances of being right, Beta(0.569, 0.096) over the cases. Where 30 in 100 cases have others, lower by a fifth of
#: themselves so that the mean is lower by 0.05, a paired test with both errors 0.05 takes 300 cases of 5 samples, an
#: unpaired one 750.
SPREAD = ScoreSpread(mean=0.85552213, correlation=0.60072736, differing=0.3)
LEVELS = ErrorRates(0.05, 0.05)
_RUNS, _GATES, _AT_ONCE = 20_000, 3000, 250
_DESIGNS = ("O'Brien-Fleming", "Pocock")


def threshold_gate(workers: Executor) -> Iterator[Figure]:
    """A single case, 0.9 required and 0.8 allowed: samples in batches of 5 until it is decided."""
    for rate, bound in WALD.items():
        parts = list(workers.map(partial(_single_cases, rate), range(_RUNS // 1000)))
        ends = np.concatenate([ends for ends, _ in parts])
        wrong, still_open = np.sum([counts for _, counts in parts], axis=0) / _RUNS
        beside = (
            f"Wald's bound {bound}, fixed design 135; wrong {wrong:.4f}, inconclusive {still_open:.4f} of {_RUNS:,}"
        )
        name = f"single case, threshold 0.9, margin 0.1: samples where the rate is {rate}"
        mean = float(ends.mean())
        yield Figure(name, mean, "samples", f"≤ {1.25 * bound:.1f}", mean <= 1.25 * bound, beside)


def _single_cases(rate: float, part: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Samples used, and how many of them were decided wrongly and not at all."""
    most = most_samples(0.9, 0.1)
    ends, wrong, still_open = [], 0, 0
    shape = Shape(cases=1, samples=most, threshold=0.9, margin=0.1)
    for run in range(1000):
        rng = np.random.default_rng([5, int(10 * rate), part, run])
        entry = observed(shape, (rng.random((1, most)) < rate).astype(float), None)
        (hypothesis,) = hypotheses(replace(entry, per="case", n_planned=most), (0.05, 0.05))
        passed = hypothesis.contrast.passed_at(0.05) or math.inf  # type: ignore[union-attr]
        worse = hypothesis.contrast.worse_at(0.05) or math.inf  # type: ignore[union-attr]
        still_open += passed == worse == math.inf
        wrong += (worse < passed) if rate == 0.9 else (passed < worse)
        ends.append(min(math.ceil(min(passed, worse, most) / 5) * 5, most))
    return np.array(ends), (wrong, still_open)


def paired_suite(workers: Executor) -> Iterator[Figure]:
    """A suite against its baseline: cases used where it is lower by the margin, 0.05, and where it is not."""
    for size in SUITES:
        for drop in (0.05, 0.0):
            ends, kinds = _gathered(workers.map(partial(_suites, size, drop), range(_GATES // _AT_ONCE)))
            right = VerdictKind.REGRESSED if drop else VerdictKind.PASSED
            wrong = VerdictKind.PASSED if drop else VerdictKind.REGRESSED
            mean = float(np.mean(ends))
            beside = (
                f"right {kinds.count(right) / _GATES:.3f}, wrong {kinds.count(wrong) / _GATES:.3f}, the rest "
                f"inconclusive; a fixed paired design takes {fixed_cases()}, an unpaired one 750"
            )
            name = f"suite of {size} cases × 5 samples, betting: cases used where {_said(drop)}"
            yield Figure(name, mean, "cases", "≤ 190", mean <= 190, beside)
    yield from _group_sequential(workers)


def fixed_cases() -> int:
    """Cases of the paired t test with both errors 0.05, where the mean is lower by 0.05."""
    shape = Shape(cases=400_000, spread=SPREAD)
    entry = simulated(shape, 0.05, np.random.default_rng(0))
    assert entry.baseline is not None
    spread = float((entry.candidate.mean(axis=1) - entry.baseline.mean(axis=1)).std())
    return required_cases(0.05, spread, 0.0, 1, power=0.95, alternative="greater")


def _said(drop: float) -> str:
    return f"it is lower by {drop:g}" if drop else "it is as good"


def _gathered(parts: Iterable[list[tuple[str, int]]]) -> tuple[list[int], list[str]]:
    pairs = [pair for part in parts for pair in part]
    return [n for _, n in pairs], [kind for kind, _ in pairs]


def _suites(size: int, drop: float, part: int) -> list[tuple[str, int]]:
    shape = Shape(cases=size, spread=SPREAD)
    return [settled(simulated(shape, drop, np.random.default_rng([6, part, gate])), LEVELS) for gate in range(_AT_ONCE)]


def _group_sequential(workers: Executor) -> Iterator[Figure]:
    """The same questions to five planned looks: what they cost, and how often they are wrong."""
    for name in _DESIGNS:
        chosen = boundaries(name)
        size = math.ceil(300 * chosen.inflation)
        for drop in (0.1, 0.05, 0.0):
            ends, kinds = _gathered(workers.map(partial(_looks, chosen, size, drop), range(_GATES // _AT_ONCE)))
            shares = ", ".join(f"{kind} {kinds.count(kind) / _GATES:.3f}" for kind in ("red", "green", "open"))
            what = f"{name}, 5 looks, {size} cases at most: cases used where {_said(drop)}"
            yield Figure(what, float(np.mean(ends)), "cases", "", True, shares)
        for n_cases in (50, 100, 200):
            green = sum(workers.map(partial(_lost, chosen, n_cases), range(8)))
            what = f"{name}, 5 looks, {n_cases} cases: false green where 1 case in 20 is lost altogether"
            yield Figure(what, green / 8000, "of the gates", "", True, "betting: see the false greens")
    for drop in (0.1,):
        ends, _ = _gathered(workers.map(partial(_suites, 450, drop), range(_GATES // _AT_ONCE)))
        yield Figure(
            f"suite of 450 cases × 5 samples, betting: cases used where {_said(drop)}",
            float(np.mean(ends)),
            "cases",
            "",
            True,
        )


def _looks(chosen: Boundaries, size: int, drop: float, part: int) -> list[tuple[str, int]]:
    shape = Shape(cases=size, spread=SPREAD)
    found = []
    for gate in range(_AT_ONCE):
        entry = simulated(shape, drop, np.random.default_rng([6, part, gate]))
        assert entry.baseline is not None
        found.append(decided(entry.candidate.mean(axis=1) - entry.baseline.mean(axis=1), shape.margin, chosen))
    return found


def _lost(chosen: Boundaries, n_cases: int, part: int) -> int:
    rng = np.random.default_rng([7, n_cases, part])
    return sum(decided(-(rng.random(n_cases) < 0.05).astype(float), 0.05, chosen)[0] == "green" for _ in range(1000))
