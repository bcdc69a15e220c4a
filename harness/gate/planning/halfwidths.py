"""Foretells how far the bounds of a verdict about a suite will lie from the difference that is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.decisions.suite import EARLY_SHARE, SMALL_SHARE, may_pass_early
from harness.gate.planning.settling import Pair
from harness.gate.planning.simulation import Shape
from harness.statistics.noise import Draws
from harness.statistics.suites.suites import SuiteContrast

_FEWEST_DEGREES = 2.0


@dataclass(frozen=True, slots=True)
class ExpectedBounds:
    """The figures that one evaluation about its suite is expected to show.

    Attributes:
        error: standard error of the difference that is seen.
        passing: how far the lower bound lies from it, at the level at which the last case decides.
        red: how far the upper bound does.
    """

    error: float
    passing: float
    red: float


def expected(shape: Shape, drop: float, levels: Pair) -> ExpectedBounds:
    """By the bounds that the gate uses, for the variance that this spread has on average.

    They include the loss that no sample shows, and the share of the levels that a gate keeps for stopping early. That
    it may indeed stop early is left out.

    Args:
        drop: how much lower the candidate truly is.
    """
    n, samples = shape.cases, shape.samples
    versions = 1 if shape.threshold is not None else 2
    within = _within(shape, drop) / (n * samples)
    seen = within + shape.between_sd**2 / n if samples == 1 else within
    unknown = seen if samples == 2 else 0.0
    side = (seen - unknown) / 2
    degrees = float(n - 1 if samples == 1 else versions * n * (samples - 1))
    if shape.spread.noise >= 1:
        # By the number of events; where hardly any comes the exact bound of none is the one that counts.
        degrees = max(_FEWEST_DEGREES, min(degrees, 2 * seen * (n * samples) ** 2))
    contrast = SuiteContrast(
        value=0.0,
        falls=side,
        rises=side,
        unknown=unknown,
        degrees=degrees,
        event=0.0,
        units=Draws(np.array([1 / n]), np.array([float(samples)]), np.array([float(versions * n)])),
        binary=False,
        single=samples == 1,
        least=-math.inf,
        most=math.inf,
    )
    passing, red = levels
    if shape.design == "sequential":
        early = EARLY_SHARE if may_pass_early(n, shape.margin, passing) else SMALL_SHARE
        passing, red = passing * (1 - early), red * (1 - EARLY_SHARE)
    return ExpectedBounds(math.sqrt(within), -contrast.lower(1 - passing), contrast.upper(1 - red))


def _within(shape: Shape, drop: float) -> float:
    """Variance of one sample around its case's mean (against a baseline: of one of each version)."""
    spread = shape.spread
    if shape.threshold is not None:
        return replace(spread, mean=min(1.0, max(0.0, shape.threshold - drop))).within
    return spread.within + replace(spread, mean=max(0.0, spread.mean - drop)).within
