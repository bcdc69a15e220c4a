"""Blame along a path: how often the step that carries a loss is named, and how often one that carries none."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from harness.decisions import Observations
from harness.gate.history.blame import PathLoss, Row, Swap, explain
from harness.gate.planning.simulation import ScoreSpread, Shape, moved, observed, sampled, true_means
from harness.stages.hybrids import Steps
from harness.statistics.arrays import FloatArray
from tests.bench.sampling import Figure
from tests.decisions.observations import replace

LEVEL, PATHS, _AT_ONCE = 0.05, 400, 20
UNITS: list[Steps] = [("adapter",), ("prompt",), ("retrieval",), ("context",)]
SHAPE = Shape(cases=100, samples=5, margin=0.05, design="fixed", about="suite")
Effect = Callable[[frozenset[str]], float]
"""By how much the mean is lower with these steps of the candidate."""


def alone(**drops: float) -> Effect:
    """Steps whose losses add up, whatever else is swapped."""
    return lambda steps: sum(drop for name, drop in drops.items() if name in steps)


def together(drop: float) -> Effect:
    """A loss of prompt and retrieval together, and of neither alone."""
    return lambda steps: drop * ({"prompt", "retrieval"} <= steps)


@dataclass(frozen=True)
class SimulatedPath:
    """A path whose hybrids are drawn when they are asked for; the baseline is one draw, shared by all.

    Attributes:
        clusters: how many cases are copies of one, with the same draws.
    """

    shape: Shape
    effect: Effect
    seed: tuple[int, ...]
    clusters: int = 1
    drawn: dict[Swap, FloatArray] = field(default_factory=dict)

    def scores(self, swap: Swap) -> FloatArray:
        """The scores of a hybrid, (cases, samples)."""
        if swap not in self.drawn:
            n_cases = self.shape.cases // self.clusters
            of_cases = np.random.default_rng([*self.seed, 0])
            means, _ = true_means(replace(self.shape, cases=n_cases), None, of_cases)
            steps = frozenset(name for unit in swap for name in unit)
            number = sum(1 << UNITS.index(unit) for unit in swap)
            lower = moved(means, float(means.mean()) - self.effect(steps))
            rng = np.random.default_rng([*self.seed, 1 + number])
            one = sampled(lower, self.shape.draws, 1.0, rng)
            self.drawn[swap] = np.repeat(np.tile(one, self.shape.samples // self.shape.draws), self.clusters, axis=0)
        return self.drawn[swap]

    def weigh(self, ours: Swap, theirs: Swap, _: Collection[Row]) -> Mapping[Row, Observations]:
        """As `explain` asks for it."""
        weighed = observed(self.shape, self.scores(ours), self.scores(theirs))
        if self.clusters > 1:
            labels = tuple(f"copy of {number // self.clusters}" for number in range(self.shape.cases))
            weighed = replace(weighed, clusters=labels, clusters_known_by="texts", largest_cluster=self.clusters)
        return {(weighed.id, weighed.metric): weighed}

    def loss(self) -> PathLoss:
        """What is found of it."""
        (loss,) = explain(UNITS, self.weigh, LEVEL)
        return loss


def named(loss: PathLoss) -> tuple[frozenset[str], ...]:
    """The steps and pairs that are blamed."""
    return tuple(frozenset(each.steps) for each in loss.carriers) if loss.whole.carries else ()


SCENES: dict[str, tuple[Effect, tuple[frozenset[str], ...], float]] = {
    "nothing lost": (alone(), (), 0.95),
    "prompt loses 0.05": (alone(prompt=0.05), (frozenset({"prompt"}),), 0.0),
    "prompt loses 0.10": (alone(prompt=0.10), (frozenset({"prompt"}),), 0.8),
    "prompt loses 0.20": (alone(prompt=0.20), (frozenset({"prompt"}),), 0.95),
    "prompt and retrieval lose 0.10 each": (
        alone(prompt=0.1, retrieval=0.1),
        (frozenset({"prompt"}), frozenset({"retrieval"})),
        0.6,
    ),
    "prompt and retrieval lose 0.15, and neither alone": (together(0.15), (frozenset({"prompt", "retrieval"}),), 0.8),
    "prompt loses 0.20, adapter gains 0.08": (alone(prompt=0.2, adapter=-0.08), (frozenset({"prompt"}),), 0.9),
    "all lose 0.03": (alone(adapter=0.03, prompt=0.03, retrieval=0.03, context=0.03), (), 0.0),
}
"""What is lost, who is to be named, and how often at least (0: as it comes)."""


def path_of(scene: str, shape: Shape, number: int, clusters: int = 1) -> SimulatedPath:
    """One path of a scene."""
    return SimulatedPath(shape, SCENES[scene][0], (61, [*SCENES].index(scene), number), clusters)


def innocent(scene: str) -> frozenset[str]:
    """The steps that change nothing, or make it better, with whatever else."""
    effect, names = SCENES[scene][0], [unit[0] for unit in UNITS]
    every = frozenset(names)
    return frozenset(name for name in names if effect(every) <= effect(every - {name}))


def tried(scene: str, shape: Shape, clusters: int, part: int) -> FloatArray:
    """Of so many paths: how many losses were shown, explained by those who are to blame, and blamed on an innocent."""
    counts = np.zeros(3)
    for number in range(part * _AT_ONCE, (part + 1) * _AT_ONCE):
        loss = path_of(scene, shape, number, clusters).loss()
        blamed = named(loss)
        counts += (
            loss.whole.carries,
            set(blamed) == set(SCENES[scene][1]),
            any(each & innocent(scene) for each in blamed),
        )
    return counts


def blame(_: Path) -> list[Figure]:
    """All figures."""
    figures = []
    with ProcessPoolExecutor(2) as workers:
        for scene, (_, _, least) in SCENES.items():
            figures += _figures(scene, "", least, workers, SHAPE)
        hard = {
            "cases like these": replace(SHAPE, about="population"),
            "mean 0.3": replace(SHAPE, spread=ScoreSpread(mean=0.3)),
            "temperature 0, cases like these": replace(SHAPE, about="population", is_repeatable=True),
            "40 cases × 3": replace(SHAPE, cases=40, samples=3),
        }
        for words, shape in hard.items():
            figures += _figures("prompt loses 0.20", f", {words}", 0.0, workers, shape)
        figures += _figures("prompt loses 0.20", ", each case twice", 0.0, workers, SHAPE, clusters=2)
    return figures


def _figures(
    scene: str, words: str, least: float, workers: ProcessPoolExecutor, shape: Shape, clusters: int = 1
) -> list[Figure]:
    parts = workers.map(partial(tried, scene, shape, clusters), range(PATHS // _AT_ONCE))
    shown, right, wrong = (float(each) / PATHS for each in sum(parts, np.zeros(3)))
    most = LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / PATHS)
    where = f"4 steps, {shape.cases} cases × {shape.samples}: {scene}{words}"
    beside = f"a loss was shown in {shown:.3f} of {PATHS} paths"
    goal = f"≥ {least:.2f}" if least else ""
    return [
        Figure(
            f"{where}: those to blame, and no others, are named", right, "of the paths", goal, right >= least, beside
        ),
        Figure(f"{where}: an innocent step is blamed", wrong, "of the paths", f"≤ {most:.3f}", wrong <= most),
    ]
