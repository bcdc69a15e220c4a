"""Settles simulated gates of one evaluation by the gate's own rule, one by one or many at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.decisions import Observations
from harness.decisions.aims import is_bet_on
from harness.decisions.betting import expected_variances
from harness.decisions.hypotheses import hypotheses
from harness.decisions.suite import early_shares
from harness.gate.planning.simulation import Shape, observed, sampled, true_means
from harness.records import VerdictKind
from harness.statistics.arrays import FloatArray, IntArray
from harness.statistics.betting.sequential import Horizon, first_above_of_many
from harness.statistics.searching import first_that
from harness.statistics.suites.many_suites import suite_contrasts

Colour = Literal["red", "green"]
Pair = tuple[float, float]
"""The level at which an evaluation passes, and that at which it is red."""
_MOST_SCORES = 2_000_000
"""Scores that are drawn at once, at most."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The numbers of gates simulated, of red and green ones, and of the cases that all of them rest on together."""

    gates: int = 0
    red: int = 0
    green: int = 0
    all_cases: int = 0

    @property
    def cases(self) -> float:
        """Number of cases that a verdict rests on, on average."""
        return self.all_cases / self.gates

    def share(self, colour: Colour) -> float:
        """The share of gates of this colour."""
        return (self.red if colour == "red" else self.green) / self.gates

    def __add__(self, other: Ends) -> Ends:
        return Ends(
            self.gates + other.gates,
            self.red + other.red,
            self.green + other.green,
            self.all_cases + other.all_cases,
        )


def settled(entry: Observations, levels: Pair) -> tuple[VerdictKind, int]:
    """The verdict on an evaluation's only comparison and the cases that it rests on, as `decide` gives them.

    Without the intervals and reasons of a report, which take most of its time.
    """
    (hypothesis,) = hypotheses(entry, levels)
    contrast, n = hypothesis.contrast, len(entry.case_ids)
    passing, red_level = levels
    red = VerdictKind.REGRESSED if hypothesis.against == "baseline" else VerdictKind.FAILED
    if is_bet_on(contrast):
        passed, worse = contrast.passed_at(passing), contrast.worse_at(red_level)
        if worse is not None and (passed is None or worse < passed):
            return red, worse
        return (VerdictKind.INCONCLUSIVE, n) if passed is None else (VerdictKind.PASSED, passed)
    assert contrast is not None
    if contrast.lower(1 - passing) > -entry.plan.margin:
        return VerdictKind.PASSED, n
    return (red if contrast.upper(1 - red_level) < 0 else VerdictKind.INCONCLUSIVE), n


def ends_of(shape: Shape, drop: float | None, levels: Pair, n_gates: int, rng: np.random.Generator) -> Ends:
    """Simulate how so many gates end whose candidate is lower by so much, as for `true_means`."""
    ends, at_once = Ends(), max(1, _MOST_SCORES // (shape.cases * shape.samples))
    while ends.gates < n_gates:
        count = min(at_once, n_gates - ends.gates)
        candidate, baseline = _scores(shape, drop, count, rng)
        # Without a margin the rule tunes its bets to something else.
        bets = shape.design == "sequential" and shape.margin > 0
        if bets or (shape.about == "suite" and shape.design == "fixed"):
            ends += _together(shape, candidate, baseline, levels)
        else:
            for gate in range(count):
                entry = observed(shape, candidate[gate], None if baseline is None else baseline[gate])
                kind, cases = settled(entry, levels)
                ends += Ends(1, int(kind.is_red), int(kind is VerdictKind.PASSED), cases)
    return ends


def _scores(
    shape: Shape, drop: float | None, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray | None]:
    """Scores of candidate and baseline in so many gates, (count, cases, samples)."""
    candidate, baseline = (
        None
        if means is None
        else sampled(means.ravel(), shape.samples, shape.spread.noise, rng).reshape(*means.shape, shape.samples)
        for means in true_means(shape, drop, count, rng)
    )
    assert candidate is not None
    return candidate, baseline


def _together(shape: Shape, candidate: FloatArray, baseline: FloatArray | None, levels: Pair) -> Ends:
    """Settle all gates at once, as `settled` does one by one."""
    n, never = shape.cases, shape.cases + 1
    own, passed, worse = levels, np.full(len(candidate), never), np.full(len(candidate), never)
    shares = (1.0, 1.0)
    if shape.about == "suite":
        shares = early_shares(observed(shape, candidate[0], None if baseline is None else baseline[0]), levels[0])
        whole = suite_contrasts(candidate, baseline, shape.threshold or 0.0)
        passed[whole.lower(1 - levels[0] * (1 - shares[0])) > -shape.margin] = n
        worse[whole.upper(1 - levels[1] * (1 - shares[1])) < 0] = n
    if shape.design == "sequential":
        own = levels[0] * shares[0], levels[1] * shares[1]
        values, low, demanded = candidate.mean(axis=2), 0.0, shape.threshold or 0.0
        if baseline is not None:
            values, low = values - baseline.mean(axis=2), -1.0
        allowed = demanded - shape.margin
        first = _first(values, low, allowed, own[0], shape)
        passed[first > 0] = first[first > 0]
        first = _first(-values, -1.0, -demanded, own[1], shape)
        rows = np.arange(1, n + 1)
        # Worse by less than the margin is red after the last case alone.
        is_red = (np.cumsum(values, axis=1) < allowed * rows) | (rows == n)
        is_red &= rows >= first[:, np.newaxis]
        worse[first > 0] = is_red.argmax(axis=1)[first > 0] + 1
    red = worse < passed
    end = np.minimum(passed, worse)
    return Ends(
        gates=len(end),
        red=int(red.sum()),
        green=int((end < never).sum() - red.sum()),
        all_cases=int(np.minimum(end, n).sum()),
    )


def _first(values: FloatArray, low: float, mean: float, level: float, shape: Shape) -> IntArray:
    if mean < low:  # nothing lies below the lowest
        return np.ones(len(values), dtype=np.int64)
    versions = 1 if shape.threshold is not None else 2
    expected = expected_variances(np.full(values.shape[1], versions / shape.samples))
    # In a finite suite nobody may hurry.
    horizon = Horizon(0 if shape.about == "suite" else shape.cases, level)
    return first_above_of_many(values, low, mean, shape.margin, horizon, expected)


def fewest_cases(shape: Shape, levels: Pair, most: int) -> int | None:
    """With how many cases a perfect candidate passes, at least: one like the baseline in every sample, or always right.

    None where it takes more than `most` of them.
    """
    if shape.margin == 0 and shape.threshold in (None, 1.0):
        return None
    return first_that(lambda cases: _perfect_passes(replace(shape, cases=cases), levels), 2, most)


def smallest_margin(shape: Shape, levels: Pair) -> float | None:
    """The smallest margin, in steps of 0.01, with which a perfect candidate passes in a suite of this size, if any."""
    found = first_that(lambda hundredths: _perfect_passes(replace(shape, margin=hundredths / 100), levels), 1, 99)
    return None if found is None else found / 100


def _perfect_passes(shape: Shape, levels: Pair) -> bool:
    ones = np.ones((shape.cases, shape.samples))
    kind, _ = settled(observed(shape, ones, ones if shape.threshold is None else None), levels)
    return kind is VerdictKind.PASSED
