"""Several candidates in one gate, and ranks: how often any verdict is wrong, and whether all ranks hold at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from harness.decisions import Observations, decide
from harness.decisions.looks import look_at
from harness.decisions.questions import questions
from harness.gate.history.ranking import p_lower_of
from harness.gate.planning.simulation import ScoreSpread, Shape, observed
from harness.statistics.ranks import rank_intervals
from tests.bench.sampling import Figure
from tests.decisions.observations import replace
from tests.simulated import versions_of

LEVEL, GATES, COMPARISONS = 0.05, 400, 300
_WORKERS, _AT_ONCE = 2, 50
DESIGNS = (("suite", "sequential"), ("suite", "fixed"), ("population", "sequential"), ("population", "fixed"))
SHAPES = [Shape(cases=60, samples=3, margin=0.1, about=about, design=design) for about, design in DESIGNS]
#: True drops below the first version, and the mean and the share of cases that differ.
TRUTHS: dict[str, tuple[Sequence[float], ScoreSpread]] = {
    "all equal": ((0, 0, 0), ScoreSpread(mean=0.8)),
    "all equal, nearly all 0": ((0, 0, 0), ScoreSpread(mean=0.03)),
    "nearly equal": ((0.01, 0.02, 0.03), ScoreSpread(mean=0.8)),
    "two equal pairs": ((0, 0.3, 0.3), ScoreSpread(mean=0.8)),
    "cases that differ in 5 of 100": ((0, 0, 0), ScoreSpread(mean=0.8, differing=0.05)),
}

Part = Callable[[int, int], float]
"""A sum over so many simulations of a part: (part, simulations)."""


def ranks(_: Path) -> list[Figure]:
    """All figures."""
    with ProcessPoolExecutor(_WORKERS) as workers:
        return [figure for measure in (wrong_verdicts, coverage) for figure in measure(workers)]


def wrong_verdicts(workers: Executor) -> Iterator[Figure]:
    """Gates of 1 to 5 candidates against one baseline, some of which are worse by the margin, the others as good."""
    for shape, colour in itertools.product(SHAPES[:1] + SHAPES[2:], ("green", "red")):
        values = {}
        for n in (1, 3, 5):
            for n_worse in {n, (n + 1) // 2} if colour == "green" else {0, n // 2}:
                part = partial(_any_wrong, shape, n, n_worse, colour)
                values[f"{n}, {n_worse} of them worse"] = _share(workers, part, GATES)
        yield _most(f"several candidates, {_said(shape)}: any falsely {colour}", values, GATES)


def coverage(workers: Executor) -> Iterator[Figure]:
    """Rank intervals of four versions: in how many comparisons any of them misses its rank."""
    for shape in SHAPES:
        values = {name: _share(workers, partial(any_missed, shape, name), COMPARISONS) for name in TRUTHS}
        yield _most(f"ranks of 4 versions, {_said(shape)}: any missed", values, COMPARISONS)
        width = _share(workers, partial(_width, shape), 200)
        yield Figure(f"ranks that each of two equal pairs 0.3 apart may have, {_said(shape)}", width, "ranks", "", True)


def _said(shape: Shape) -> str:
    return f"{shape.cases} × {shape.samples}, about the {shape.about}, {shape.design}"


def _share(workers: Executor, part: Part, times: int) -> float:
    n_parts = times // _AT_ONCE
    return sum(workers.map(part, range(n_parts), [_AT_ONCE] * n_parts)) / times


def _most(name: str, values: Mapping[str, float], times: int) -> Figure:
    """The worst of several shares, with all of them beside it."""
    worst, most = max(values.values()), LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / times)
    beside = "; ".join(f"{key}: {value:.4f}" for key, value in values.items())
    return Figure(name, worst, "at most", f"≤ {most:.3f}", worst <= most, f"{times:,} each, promised {LEVEL}: {beside}")


def _any_wrong(shape: Shape, n: int, n_worse: int, colour: str, part: int, gates: int) -> int:
    """In how many of so many gates any candidate that is worse is green, or any that is as good is red."""
    count, drops = 0, [shape.margin] * n_worse + [0.0] * (n - n_worse)
    for gate in range(gates):
        baseline, *others = versions_of(shape, drops, np.random.default_rng([61, n, n_worse, part, gate]))
        tried = others[:n_worse] if colour == "green" else others[n_worse:]
        count += any(_is_wrong(observed(shape, each, baseline), colour, n) for each in tried)
    return count


def _is_wrong(entry: Observations, colour: str, best_of: int) -> bool:
    """Tell whether its verdict is of this colour; bounds of all rows that are far from it spare the rest."""
    look = look_at(1, 1, 1, best_of=best_of)
    levels = LEVEL * look.share, LEVEL * look.red_share
    (asked,) = questions(entry, levels)
    if asked.p_less > levels[1] if colour == "red" else asked.ruling(levels)[1] <= -asked.margin:
        return False
    (verdict,) = decide([entry], 1 - LEVEL, looks={entry.id: look}, tells_lost=False)
    return verdict.verdict.is_red if colour == "red" else verdict.verdict.value == "passed"


def intervals_of(shape: Shape, truth: str, rng: np.random.Generator) -> list[list[int]]:
    """The rank intervals of four versions of a truth, whose scores are drawn."""
    drops, spread = TRUTHS[truth]
    scores = versions_of(replace(shape, spread=spread), drops, rng)
    p_lower = np.ones((len(scores), len(scores)))
    for i, j in itertools.permutations(range(len(scores)), 2):
        p_lower[i, j] = p_lower_of(observed(shape, scores[i], scores[j]), LEVEL)
    found: list[list[int]] = rank_intervals([p_lower], LEVEL)[0].tolist()
    return found


def is_missed(truth: str, intervals: Sequence[Sequence[int]]) -> bool:
    """Tell whether any version has a rank outside its interval, of those that it shares with its equals."""
    drops = [0.0, *TRUTHS[truth][0]]
    best = [1 + sum(other < own for other in drops) for own in drops]
    worst = [sum(other <= own for other in drops) for own in drops]
    return any(low > b or high < w for (low, high), b, w in zip(intervals, best, worst, strict=True))


def any_missed(shape: Shape, truth: str, part: int, times: int) -> int:
    """In how many of so many comparisons any interval misses its version's rank."""
    number = list(TRUTHS).index(truth)
    rngs = (np.random.default_rng([62, number, part, each]) for each in range(times))
    return sum(is_missed(truth, intervals_of(shape, truth, rng)) for rng in rngs)


def _width(shape: Shape, part: int, times: int) -> float:
    rngs = (np.random.default_rng([63, part, each]) for each in range(times))
    return sum(np.mean([high - low + 1 for low, high in intervals_of(shape, "two equal pairs", rng)]) for rng in rngs)
