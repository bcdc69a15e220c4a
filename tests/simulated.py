"""Evaluations whose scores are drawn from a known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.decisions import Observations
from harness.decisions.observations import CaseSlice
from harness.gate.planning.simulation import Shape, moved, observed, sampled, simulated
from harness.gate.planning.simulation import true_means as means_of
from harness.statistics.arrays import FloatArray
from tests.decisions.observations import replace

__all__ = ["SlicedShape", "means_of", "simulated", "sliced", "uneven", "versions_of"]


@dataclass(frozen=True)
class SlicedShape(Shape):
    """A shape whose cases fall in so many slices, by turns."""

    slices: int = 1


def sliced(shape: SlicedShape, candidate: FloatArray, baseline: FloatArray | None) -> Observations:
    """Scores as an evaluation of this shape has them, with its slices."""
    entry = observed(shape, candidate, baseline)
    members = (frozenset(entry.case_ids[number :: shape.slices]) for number in range(shape.slices))
    found = tuple(CaseSlice("slice", str(i), each, len(each), len(each)) for i, each in enumerate(members) if each)
    return replace(entry, slices=found, slice_margin=shape.margin)


def uneven(shape: SlicedShape, means: FloatArray) -> FloatArray:
    """The true means of the candidate's cases, (cases,), where slices differ as much as none may: every other one is
    lower by the margin than the baseline with these means, and the rest are higher by as much.
    """
    found = means.copy()
    for number in range(shape.slices):
        own, sign = means[number :: shape.slices], -1 if number % 2 == 0 else 1
        if shape.about == "suite":
            found[number :: shape.slices] = moved(own, own.mean() + sign * shape.margin)
        elif sign < 0:
            found[number :: shape.slices] = own * (1 - shape.margin / shape.spread.mean)
        else:
            found[number :: shape.slices] = 1 - (1 - own) * (1 - shape.margin / (1 - shape.spread.mean))
    return found


def versions_of(shape: Shape, drops: Sequence[float], rng: np.random.Generator) -> list[FloatArray]:
    """The scores of a baseline, (cases, samples), and of a version for each of these true drops below it."""
    spread = shape.spread
    _, baseline = means_of(shape, None, rng)
    assert baseline is not None
    every = [baseline]
    for drop in drops:
        share = max(spread.differing, min(1.0, 2 * drop / spread.mean))
        others = means_of(shape, None, rng)[0] * (1 - drop / (share * spread.mean))
        means = np.where(rng.random(shape.cases) < share, others, baseline)
        every.append(moved(means, baseline.mean() - drop) if shape.about == "suite" else means)
    return [sampled(each, shape.samples, spread.noise, rng) for each in every]
