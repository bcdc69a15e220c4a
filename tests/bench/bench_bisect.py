"""`steelyard bisect` against `git bisect run`: how often the commit that made a suite worse is missed, and the cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.statistics.arrays import FloatArray
from tests.bench.sampling import Figure
from tests.gate.history.series import bisected, rates, scores_of, stepped

LEVEL, MARGIN, HISTORIES, SAMPLES = 0.05, 0.05, 100, 5
_WORKERS = 2


class Setting(NamedTuple):
    """Histories of one kind.

    Attributes:
        commits: after the good one.
        margins: that are lost; `share_broken` of the commits between can't be measured.
    """

    name: str
    commits: int
    margins: float
    mean: float = 0.85
    share_broken: float = 0.0
    creeps: bool = False


STEPS = [Setting(f"{c} commits, a drop of {m} margins", c, m) for c in (32, 100) for m in (1, 2, 4)]
HARD = [
    Setting("32 commits, 2 margins, a third can't be measured", 32, 2, share_broken=1 / 3),
    Setting("32 commits, a drop from 0.12 to 0.02: most scores are 0", 32, 2, mean=0.12),
    Setting("32 commits, a drop from 0.99 to 0.94: most scores are 1", 32, 1, mean=0.99),
]
NONE = Setting("32 commits, none is worse", 32, 0)
CREEP = Setting("32 commits, 4 margins lost bit by bit", 32, 4, creeps=True)


def truth_of(setting: Setting, rng: np.random.Generator) -> tuple[FloatArray, int, list[int]]:
    """The rates of each commit, which is the first that is worse, and which can't be measured."""
    good, step = rates(setting.mean, rng), int(rng.integers(1, setting.commits + 1))
    drop, count = setting.margins * MARGIN, setting.commits + 1
    truth = stepped(good, count, step, drop)
    if setting.creeps:
        shares = np.linspace(0, 1, count)[:, np.newaxis]
        truth = (1 - shares) * good + shares * stepped(good, 2, 1, drop)[1]
    between = np.arange(1, setting.commits)
    return truth, step, between[rng.random(len(between)) < setting.share_broken].tolist()


def searched(number: int, setting: Setting, history: int) -> tuple[float, float, float, float]:
    """Whether a set was given, whether it misses the commit, its size, and the samples that it rests on."""
    truth, step, broken = truth_of(setting, np.random.default_rng([61, number, history]))
    search = bisected(truth, (62, number, history), broken)
    is_set = search.outcome == "found"
    return is_set, is_set and str(step) not in search.possible, len(search.possible), search.n_samples


def git_bisect(number: int, setting: Setting, samples: int, history: int) -> bool:
    """Whether `git bisect run` names a wrong commit: one run of so many samples at each that it tries, bad where their
    mean lies below the middle of the two true means, which nobody knows.
    """
    truth, step, _ = truth_of(setting, np.random.default_rng([61, number, history]))
    middle, good, bad = float(truth[[0, -1]].mean()), 0, setting.commits
    while bad - good > 1:
        tried = (good + bad) // 2
        is_bad = scores_of(truth[tried], samples, (63, number, history, tried)).mean() < middle
        good, bad = (good, tried) if is_bad else (tried, bad)
    return bad != step


def bisect(_: Path) -> list[Figure]:
    """All figures."""
    with ProcessPoolExecutor(_WORKERS) as workers:

        def shares(measure: Callable[[int], object]) -> list[float]:
            rows = np.array(list(workers.map(measure, range(HISTORIES), chunksize=10)), dtype=float)
            means: list[float] = rows.reshape(HISTORIES, -1).mean(axis=0).tolist()
            return means

        return list(_figures(shares))


def _figures(shares: Callable[[Callable[[int], object]], list[float]]) -> Iterator[Figure]:
    most = LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / HISTORIES)
    for number, setting in enumerate((*STEPS, *HARD)):
        given, missed, size, n_samples = shares(partial(searched, number, setting))
        name, beside = f"bisect, {setting.name}: misses the commit", f"{HISTORIES} histories, promised {LEVEL}"
        yield Figure(name, missed, "of the histories", f"≤ {most:.3f}", missed <= most, beside)
        beside = f"in {given:.2f} of the histories, by {n_samples:,.0f} samples of 20 cases on average"
        yield Figure(f"bisect, {setting.name}: size of the set", size, "commits", "", True, beside)
        if setting in STEPS:
            for samples in (1, SAMPLES):
                (wrong,) = shares(partial(git_bisect, number, setting, samples))
                name = f"git bisect run, {setting.name}, {samples} × 20 samples a commit: names a wrong one"
                yield Figure(name, wrong, "of the histories", "", True)
    given, _, _, n_samples = shares(partial(searched, 98, NONE))
    name = f"bisect, {NONE.name}: gives a set"
    yield Figure(name, given, "of the histories", f"≤ {most:.3f}", given <= most, f"{n_samples:,.0f} samples")
    given, _, _, n_samples = shares(partial(searched, 99, CREEP))
    name = f"bisect, {CREEP.name}: gives a set, and does not warn"
    yield Figure(name, given, "of the histories", "≤ 0.5", given <= 0.5, f"{n_samples:,.0f} samples")
