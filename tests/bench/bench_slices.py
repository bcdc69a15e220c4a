"""Slices: how often a planted fault is found, how often a gate without one is red, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from harness.decisions import Observations, decide
from harness.decisions.looks import look_at
from harness.gate.planning.simulation import ScoreSpread, sampled
from harness.records import Verdict
from harness.statistics.arrays import FloatArray
from tests.bench.adversary import ADVERSARIES, attacked
from tests.bench.sampling import Figure
from tests.decisions.observations import replace
from tests.simulated import SlicedShape, means_of, sliced, uneven

LEVEL = 0.05
#: Of a planted fault and of versions that are alike, and of all else.
MOST_GATES, GATES = 400, 200
_WORKERS, _AT_ONCE = 2, 25
PLANTED = SlicedShape(cases=600, samples=1, margin=0.1, slices=20, about="suite")
#: Rates around 0.8, so that slices may be better than the baseline by the margin, too.
UNEVEN = SlicedShape(cases=400, samples=2, slices=20, about="suite", spread=ScoreSpread(mean=0.8))

Part = Callable[[int, int], float]
"""A sum over so many gates of a part: (part, gates)."""


def slices(_: Path) -> list[Figure]:
    """All figures."""
    with ProcessPoolExecutor(_WORKERS) as workers:
        return [figure for measure in (planted, alike, worst, reruns, costs) for figure in measure(workers)]


def planted(workers: Executor) -> Iterator[Figure]:
    """One topic of twenty that is wholly broken: 30 of 600 cases, margin 0.1."""
    for shape in _claims(PLANTED):
        for evaluations in (1, 20):
            value = _share(workers, partial(_found, shape, evaluations), MOST_GATES)
            name = f"one topic of 20 wholly broken, 600 cases, {_said(shape)}, of {evaluations} evaluations: red"
            yield Figure(name, value, "of the gates", "≥ 0.99", value >= 0.99, f"{MOST_GATES:,} gates")


def alike(workers: Executor) -> Iterator[Figure]:
    """A version against itself with 20 slices."""
    for shape in _claims(PLANTED):
        value = _share(workers, partial(_false, shape, "alike"), MOST_GATES)
        yield _wrong(f"a version against itself, 20 slices, 600 cases, {_said(shape)}: red", value, MOST_GATES)


def worst(workers: Executor) -> Iterator[Figure]:
    """Every other slice is lower by the margin, the others higher: nothing is worse by more, and no mean is."""
    kinds = {400: ("spread", "rare losses", "ties", "clusters"), 60: ("spread", "rare losses")}
    for cases, kind in ((cases, kind) for cases, each in kinds.items() for kind in each):
        for shape in _claims(replace(UNEVEN, cases=cases)):
            if kind == "rare losses" and shape.about == "suite":
                continue  # which cases are lost is settled there, and no chance has a part in it
            value = _share(workers, partial(_false, shape, kind), GATES)
            yield _wrong(f"20 slices at their margins, {kind}, {cases} cases, {_said(shape)}: red", value, GATES)


def reruns(workers: Executor) -> Iterator[Figure]:
    """Whoever runs it again, six times at most, until it is red: slices at their margins, 60 cases, 6 slices."""
    for about in ("suite", "population"):
        shape = replace(UNEVEN, cases=60, slices=6, about=about)
        for number, (name, moves) in enumerate(ADVERSARIES.items()):
            value = _share(workers, partial(_attacked, number, moves, shape), GATES)
            yield _wrong(f"6 slices at their margins, reruns, {name}, about the {about}: red", value, GATES)


def costs(workers: Executor) -> Iterator[Figure]:
    """The cases that are drawn of a version that is as good, and how often it passes, with slices and without."""
    for shape in (replace(PLANTED, samples=5), replace(PLANTED, samples=5, about="population")):
        for count in (1, 3, 20):
            part = partial(_used, replace(shape, slices=count))
            both = [workers.submit(part, number, _AT_ONCE) for number in range(GATES // _AT_ONCE)]
            cases, green = np.sum([each.result() for each in both], axis=0) / GATES
            told = f"{count if count > 1 else 0} slices"
            name = f"cases drawn of 600 as good, {told}, {_said(shape)}"
            yield Figure(name, float(cases), "cases", "", True, f"green in {green:.3f} of {GATES:,} gates")


def _claims(shape: SlicedShape) -> Iterator[SlicedShape]:
    """The designs and numbers of samples that are tried."""
    for about in ("suite", "population"):
        for samples in (1, 5):
            yield replace(shape, about=about, samples=samples)
    yield replace(shape, about="population", samples=2, design="fixed")


def _said(shape: SlicedShape) -> str:
    return f"{shape.samples} a case, about the {shape.about}, {shape.design}"


def _share(workers: Executor, part: Part, gates: int) -> float:
    """The share of so many gates that come out so."""
    n_parts = gates // _AT_ONCE
    return sum(workers.map(part, range(n_parts), [_AT_ONCE] * n_parts)) / gates


def _wrong(name: str, value: float, gates: int) -> Figure:
    most = LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / gates)
    return Figure(name, value, "of the gates", f"≤ {most:.3f}", value <= most, f"{gates:,} gates, promised 0.05")


def verdict_of(entry: Observations, evaluations: int = 1) -> Verdict:
    """The verdict at the first look of one of so many evaluations."""
    (verdict,) = decide([entry], 1 - LEVEL, looks={entry.id: look_at(1, 1, evaluations)}, tells_lost=False)
    return verdict


def shuffled(entry: Observations, rng: np.random.Generator) -> Observations:
    """The same in a random order, as its cases are drawn."""
    return entry.rows(rng.permutation(len(entry.case_ids)).tolist())


def broken(shape: SlicedShape, rng: np.random.Generator) -> Observations:
    """A version against itself, one slice of which is wholly broken."""
    means, _ = means_of(replace(shape, spread=ScoreSpread()), None, rng)
    ours = means.copy()
    ours[3 :: shape.slices] = 0.0
    return shuffled(sliced(shape, *(sampled(each, shape.samples, 1.0, rng) for each in (ours, means))), rng)


def unbroken(shape: SlicedShape, kind: str, rng: np.random.Generator) -> Observations:
    """A suite in which no slice is worse by more than the margin: that of a version against itself ("alike"), or one
    whose slices lie at their margins.
    """
    means, _ = means_of(shape, None, rng)
    ours = means if kind == "alike" else uneven(shape, means)
    if kind == "rare losses":
        lost = rng.random(len(means)) < shape.margin / shape.spread.mean
        is_lower = np.arange(len(means)) % shape.slices % 2 == 0
        ours = np.where(is_lower, np.where(lost, 0.0, means), ours)
    scores = [sampled(each, shape.samples, 1.0, rng) for each in (ours, means)]
    if kind == "ties":  # halves: the mean of two equal coins stays where it was
        scores = [
            (each + sampled(mean, shape.samples, 1.0, rng)) / 2
            for each, mean in zip(scores, (ours, means), strict=True)
        ]
    entry = sliced(shape, scores[0], scores[1])
    return shuffled(entry, rng) if kind != "clusters" else _clustered(entry, rng)


def _clustered(entry: Observations, rng: np.random.Generator) -> Observations:
    """The same cases twice, each pair a cluster that is drawn together and has the same answers."""
    order = [each for first in rng.permutation(len(entry.case_ids)).tolist() for each in (first, first)]
    doubled = entry.rows(order)
    ids = tuple(f"{name}-{number % 2}" for number, name in enumerate(doubled.case_ids))
    twice = [
        replace(
            each,
            case_ids=frozenset(f"{name}-{i}" for name in each.case_ids for i in (0, 1)),
            size=2 * each.size,
            horizon=2 * each.horizon,
        )
        for each in entry.slices
    ]
    size = 2 * entry.suite_size
    return replace(
        doubled,
        case_ids=ids,
        clusters=doubled.case_ids,
        clusters_known_by="field",
        largest_cluster=2,
        slices=tuple(twice),
        n_planned=size,
        suite_size=size,
    )


def _found(shape: SlicedShape, evaluations: int, part: int, gates: int) -> int:
    rngs = (np.random.default_rng([51, part, gate]) for gate in range(gates))
    return sum(verdict_of(broken(shape, rng), evaluations).verdict.is_red for rng in rngs)


def _false(shape: SlicedShape, kind: str, part: int, gates: int) -> int:
    rngs = (np.random.default_rng([52, part, gate]) for gate in range(gates))
    return sum(verdict_of(unbroken(shape, kind, rng)).verdict.is_red for rng in rngs)


def _attacked(number: int, moves: tuple[str, ...], shape: SlicedShape, part: int, gates: int) -> int:
    return sum(attacked(moves, "red", (shape,), (53, number, part, gate)) for gate in range(gates))


def _used(shape: SlicedShape, part: int, gates: int) -> FloatArray:
    """The cases drawn, and how many passed, over all gates of a part."""
    found = np.zeros(2)
    for gate in range(gates):
        entry = unbroken(shape, "alike", np.random.default_rng([54, part, gate]))
        verdict = verdict_of(entry if shape.slices > 1 else replace(entry, slices=()))
        found += verdict.n_cases, verdict.verdict.value == "passed"
    return found
