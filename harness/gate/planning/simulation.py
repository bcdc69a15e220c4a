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
    """The spread of an evaluation's scores: each case has a true mean, and its samples vary around it.

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


@dataclass(frozen=True, slots=True)
class Shape:
    """One evaluation of a gate: how much is drawn, what is required, how scores vary.

    Attributes:
        threshold: what is required; None weighs against a baseline instead.
        about: the cases themselves, so that only what varies within them is left to chance, or cases like them.
        is_repeatable: at temperature 0 the samples of a case are one draw.
        doubts: what the spread does not know: "samples", where no case had two draws, "clusters", and "red", where the
            candidate was worse, so that the spread is the baseline's and `differing` is assumed.
    """

    name: str = "evaluation"
    cases: int = 200
    samples: int = 5
    margin: float = 0.05
    threshold: float | None = None
    spread: ScoreSpread = field(default_factory=ScoreSpread)
    design: Literal["sequential", "fixed"] = "sequential"
    about: About = "population"
    is_repeatable: bool = False
    doubts: tuple[str, ...] = ()

    @property
    def draws(self) -> int:
        """The draws of a case."""
        return 1 if self.is_repeatable else self.samples

    @property
    def between_sd(self) -> float:
        """Standard deviation over cases of what a case truly adds to the comparison."""
        spread, times = self.spread, 1.0 if self.threshold is not None else 2 * self.spread.differing
        return math.sqrt(times * spread.correlation * spread.mean * (1 - spread.mean))

    @property
    def within_sd(self) -> float:
        """Standard deviation within a case of one draw (against a baseline: of one of each version)."""
        spread, times = self.spread, 1.0 if self.threshold is not None else 2.0
        return math.sqrt(times * spread.noise * (1 - spread.correlation) * spread.mean * (1 - spread.mean))

    @property
    def case_sd(self) -> float:
        """Standard deviation of the noise of one case; about the suite that within it, unless one draw hides it."""
        is_within = self.about == "suite" and self.draws > 1
        return math.hypot(self.within_sd / math.sqrt(self.draws), 0.0 if is_within else self.between_sd)

    @property
    def deepest(self) -> float:
        """The largest drop that scores of this mean can have."""
        return self.spread.mean if self.threshold is None else self.threshold


def simulated(shape: Shape, drop: float | None, rng: np.random.Generator, name: str | None = None) -> Observations:
    """Every score of one evaluation, in the order in which cases would be drawn, ready to be decided."""
    candidate, baseline = true_means(shape, drop, rng)
    ours = _drawn(shape, candidate, rng)
    return observed(shape, ours, None if baseline is None else _drawn(shape, baseline, rng), name)


def _drawn(shape: Shape, means: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.repeat(sampled(means, shape.draws, shape.spread.noise, rng), shape.samples // shape.draws, axis=1)


def true_means(shape: Shape, drop: float | None, rng: np.random.Generator) -> tuple[FloatArray, FloatArray | None]:
    """The true mean of each case of candidate and baseline, (cases,) each; no baseline against a threshold.

    Args:
        drop: how much lower the candidate truly is than the baseline, or than the threshold: over all the cases there
            could be, or over these cases for a shape that is about the suite. Cases that differ have means of their
            own, and all lose the same share of them. None: nothing is wrong with the candidate. It is then the
            baseline itself; against a threshold it has the mean of the spread, or the threshold where that is higher.
    """
    spread, is_about_suite = shape.spread, shape.about == "suite"
    if shape.threshold is not None:
        mean = max(spread.mean, shape.threshold) if drop is None else shape.threshold - drop
        alone = _case_means(mean, spread.correlation, shape.cases, rng)
        return (moved(alone, mean) if is_about_suite else alone), None
    baseline = _case_means(spread.mean, spread.correlation, shape.cases, rng)
    share = spread.differing if not drop else max(spread.differing, min(1.0, drop / (_MOST_LOST * spread.mean)))
    if drop is None or share == 0:
        return baseline, baseline
    differs = rng.random(shape.cases) < share
    others = _case_means(spread.mean, spread.correlation, shape.cases, rng) * (1 - drop / (share * spread.mean))
    candidate = np.where(differs, others, baseline)
    return (moved(candidate, baseline.mean() - drop) if is_about_suite else candidate), baseline


def moved(means: FloatArray, mean: float) -> FloatArray:
    """The true means of a suite's cases, moved so that their own mean is this one; they stay in [0, 1].

    >>> moved(np.array([0.5, 1.0]), 0.6).round(3).tolist()
    [0.4, 0.8]
    """
    wanted, own = min(1.0, max(0.0, mean)), float(means.mean())
    if wanted <= own:
        return means * (wanted / own if own > 0 else 1.0)
    return 1 - (1 - means) * (1 - wanted) / (1 - own)


def _case_means(mean: float, correlation: float, n: int, rng: np.random.Generator) -> FloatArray:
    """Beta-distributed means."""
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
        is_repeatable=shape.is_repeatable,
    )
