"""Scores drawn from a known truth, so that one can see what a gate makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from harness.decisions import Observations
from harness.records import Plan
from harness.scoring.results import METRIC
from harness.statistics.arrays import FloatArray

#: Cases that lose by a planted drop lose half of their score at most.
_MOST_LOST = 0.5
_NEAREST_TO_CERTAIN = 1e-9


About = Literal["suite", "population"]
"""The claim of a verdict: about the cases of the suite, or about cases like them."""


@dataclass(frozen=True, slots=True)
class ScoreSpread:
    """The spread of an evaluation's scores.

    Each case has a true mean of its own, and its samples vary around it.

    Attributes:
        mean: of the scores, over all cases.
        correlation: variance of the cases' true means, as a share of the largest possible, mean · (1 - mean). Where
            scores are 0 or 1 this is the correlation of two samples of a case. In [0, 1).
        differing: the share of the cases whose true mean is another one in another version.
        noise: variance of the samples of a case, as a share of what scores of 0 and 1 have. In (0, 1].
    """

    mean: float = 0.9
    correlation: float = 0.5
    differing: float = 0.3
    noise: float = 1.0

    @property
    def between(self) -> float:
        """Variance of the cases' true means."""
        return self.correlation * self.mean * (1 - self.mean)

    @property
    def within(self) -> float:
        """Variance of one sample around the true mean of its case, on average."""
        return self.noise * (1 - self.correlation) * self.mean * (1 - self.mean)


@dataclass(frozen=True, slots=True)
class Shape:
    """One evaluation of a gate: how much is drawn, what is required, how scores vary.

    Attributes:
        threshold: what is required; None weighs against a baseline instead.
        about: the cases themselves, so that only what varies within them is left to chance, or cases like them.
    """

    name: str = "evaluation"
    cases: int = 200
    samples: int = 5
    margin: float = 0.05
    threshold: float | None = None
    spread: ScoreSpread = field(default_factory=ScoreSpread)
    design: Literal["sequential", "fixed"] = "sequential"
    about: About = "population"

    @property
    def between_sd(self) -> float:
        """Standard deviation over cases of what a case truly adds to the comparison."""
        times = 1.0 if self.threshold is not None else 2 * self.spread.differing
        return math.sqrt(times * self.spread.between)

    @property
    def within_sd(self) -> float:
        """Standard deviation within a case of one sample (against a baseline: of one of each version)."""
        return math.sqrt((1.0 if self.threshold is not None else 2.0) * self.spread.within)

    @property
    def case_sd(self) -> float:
        """Standard deviation of what one case shows, as far as it is noise: about the suite that within the case alone,
        unless a single sample does not tell it."""
        within = self.within_sd**2 / self.samples
        return math.sqrt(within if self.about == "suite" and self.samples > 1 else within + self.between_sd**2)

    @property
    def deepest(self) -> float:
        """The largest drop that scores of this mean can have."""
        return self.spread.mean if self.threshold is None else self.threshold


def true_means(
    shape: Shape, drop: float | None, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray | None]:
    """The true mean of each case of candidate and baseline in so many suites, (count, cases) each; no baseline against
    a threshold.

    Args:
        drop: how much lower the candidate truly is than the baseline, or than the threshold: over all the cases there
            could be, or over these cases for a shape that is about the suite. Cases that differ have means of their
            own, and all lose the same share of them. None: nothing is wrong with the candidate. It is then the
            baseline itself; against a threshold it has the mean of the spread, or the threshold where that is higher.
    """
    spread, size = shape.spread, (count, shape.cases)
    if shape.threshold is not None:
        mean = max(spread.mean, shape.threshold) if drop is None else shape.threshold - drop
        alone = _case_means(mean, spread.correlation, size, rng)
        return (moved(alone, np.full(count, mean)) if shape.about == "suite" else alone), None
    baseline = _case_means(spread.mean, spread.correlation, size, rng)
    share = spread.differing if not drop else max(spread.differing, min(1.0, drop / (_MOST_LOST * spread.mean)))
    if drop is None or share == 0:
        return baseline, baseline
    differs = rng.random(size) < share
    others = _case_means(spread.mean, spread.correlation, size, rng) * (1 - drop / (share * spread.mean))
    candidate = np.where(differs, others, baseline)
    return (moved(candidate, baseline.mean(axis=1) - drop) if shape.about == "suite" else candidate), baseline


def moved(means: FloatArray, mean: float | FloatArray) -> FloatArray:
    """The true means of a suite's cases, (..., cases), moved so that their own mean is this one; they stay in [0, 1].

    >>> moved(np.array([0.5, 1.0]), 0.6).round(3).tolist()
    [0.4, 0.8]
    """
    wanted, own = np.clip(mean, 0.0, 1.0)[..., np.newaxis], means.mean(axis=-1, keepdims=True)
    falls = wanted <= own
    lower = means * np.where(falls & (own > 0), wanted / np.where(own > 0, own, 1.0), 1.0)
    higher = 1 - (1 - means) * np.where(falls, 1.0, (1 - wanted) / np.where(falls, 1.0, 1 - own))
    return np.where(falls, lower, higher)


def _case_means(mean: float, correlation: float, n: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Beta-distributed means, of shape `n`."""
    if correlation <= 0 or not 0 < mean < 1:
        return np.full(n, min(1.0, max(0.0, mean)))
    size = 1 / correlation - 1
    return rng.beta(mean * size, (1 - mean) * size, n)


def sampled(means: FloatArray, samples: int, noise: float, rng: np.random.Generator) -> FloatArray:
    """Scores around the true mean of each case, (cases, samples): 0 or 1, or between them if the noise is below 1."""
    if noise >= 1:
        return (rng.random((len(means), samples)) < means[:, np.newaxis]).astype(np.float64)
    size = 1 / noise - 1
    inner = np.clip(means, _NEAREST_TO_CERTAIN, 1 - _NEAREST_TO_CERTAIN)[:, np.newaxis]
    return rng.beta(inner * size, (1 - inner) * size, (len(means), samples))


def observed(shape: Shape, candidate: FloatArray, baseline: FloatArray | None, name: str | None = None) -> Observations:
    """Scores as an evaluation of this shape has them."""
    return Observations(
        id=name or shape.name,
        metric=METRIC,
        plan=Plan(threshold=shape.threshold, margin=shape.margin, design=shape.design, about=shape.about),
        case_ids=tuple(map(str, range(len(candidate)))),
        candidate=candidate,
        baseline=baseline,
        n_planned=shape.cases,
        suite_size=shape.cases,
    )
