"""Evaluations whose scores are drawn from a known truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.decisions import Observations
from harness.decisions.observations import CaseSlice
from harness.gate.planning.simulation import Shape, moved, observed, sampled, true_means
from harness.statistics.arrays import FloatArray
from tests.decisions.observations import replace


def means_of(shape: Shape, drop: float | None, rng: np.random.Generator) -> tuple[FloatArray, FloatArray | None]:
    """The true mean of each case of candidate and baseline, (cases,) each; see `true_means`."""
    candidate, baseline = true_means(shape, drop, 1, rng)
    ours = candidate[0]
    return ours, None if baseline is None else ours if baseline is candidate else baseline[0]


def simulated(shape: Shape, drop: float | None, rng: np.random.Generator, name: str | None = None) -> Observations:
    """Every score of one evaluation, in the order in which cases would be drawn, ready to be decided."""
    candidate, baseline = means_of(shape, drop, rng)
    noise, samples = shape.spread.noise, shape.samples
    ours = sampled(candidate, samples, noise, rng)
    return observed(shape, ours, None if baseline is None else sampled(baseline, samples, noise, rng), name)


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
            found[number :: shape.slices] = moved(own, np.array(own.mean() + sign * shape.margin))
        elif sign < 0:
            found[number :: shape.slices] = own * (1 - shape.margin / shape.spread.mean)
        else:
            found[number :: shape.slices] = 1 - (1 - own) * (1 - shape.margin / (1 - shape.spread.mean))
    return found
