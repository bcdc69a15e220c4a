"""Candidates in a row, each chosen by whoever saw all verdicts before: how often one that is worse is green."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from harness.decisions import share_of
from harness.gate.planning.simulation import moved
from harness.gate.sampling.candidates import CountedLook, baseline_level, next_turn
from harness.gate.sampling.question import NOT_COUNTED, Asked, Turn
from harness.records import Other, Stakes
from harness.statistics.arrays import FloatArray
from harness.statistics.suites.suites import shared_baseline_contrast, suite_contrast
from harness.store.ledger import LookRow
from tests.bench.sampling import Figure

LEVEL, MARGIN, TRIES = 0.05, 0.05, 100
#: Histories of a figure; fewer where a candidate that is as good costs a whole bound each time.
MOST, SOME = 200, 50
_WORKERS, _RECORDED, _LUCK = 2, 8, 100
"""A recorded baseline has so many times the samples; an unlucky one is the lowest of so many recordings."""


_ASKED = Asked({}, {}, ("c",), Stakes(None, MARGIN, 1), others={"baseline": Other("b", "recorded")})


@dataclass
class Past:
    """What became of the candidates so far: the true drop of each, its estimate, and whether it was green."""

    drops: list[float] = field(default_factory=list)
    estimates: list[float] = field(default_factory=list)
    green: list[bool] = field(default_factory=list)

    @property
    def false(self) -> int:
        """Count those that were green and are worse by the margin."""
        return sum(green and drop >= MARGIN for drop, green in zip(self.drops, self.green, strict=True))

    @property
    def share(self) -> float:
        """The share of the green ones that are worse by the margin."""
        return self.false / max(1, sum(self.green))


Choose = Callable[[Past, np.random.Generator], float | None]
"""The true drop of the next candidate; None to stop."""


def as_good(past: Past, rng: np.random.Generator) -> float | None:
    return 0.0


def all_worse(past: Past, rng: np.random.Generator) -> float | None:
    return None if past.false else MARGIN


def half_worse(past: Past, rng: np.random.Generator) -> float | None:
    return MARGIN * float(rng.random() < 0.5)


def walk(past: Past, rng: np.random.Generator) -> float | None:
    """A step from the last that was green, mostly downwards: what an optimiser of something else does."""
    last = next((drop for drop, green in zip(past.drops[::-1], past.green[::-1], strict=True) if green), 0.0)
    return min(0.3, max(-0.05, last + float(rng.normal(0.01, 0.03))))


def climb(past: Past, rng: np.random.Generator) -> float | None:
    """A step from the one that looked best: its luck is taken for its worth."""
    best = past.drops[int(np.argmax(past.estimates))] if past.drops else MARGIN
    return min(0.3, max(0.0, best + float(rng.normal(0.0, 0.02))))


def copies(past: Past, rng: np.random.Generator) -> float | None:
    """One worse candidate, submitted again and again with a space more."""
    return MARGIN


def stopper(past: Past, rng: np.random.Generator) -> float | None:
    """A good one and a worse one in turn, until a worse one is green: the share is then at its highest."""
    return None if past.false else MARGIN * (len(past.drops) % 2)


STRATEGIES: dict[str, Choose] = {
    "all worse until one is green": all_worse,
    "half worse": half_worse,
    "a walk from the last green": walk,
    "a climb by estimates": climb,
    "copies of a worse one": copies,
    "good and worse in turn, until a worse one is green": stopper,
}


@dataclass(frozen=True)
class Setting:
    """Cases, samples of the candidate, and how the baseline's are had."""

    cases: int = 100
    samples: int = 5
    baseline: str = "drawn"
    counted: bool = True

    @property
    def in_words(self) -> str:
        return f"{self.cases} x {self.samples}, {self.baseline} baseline"


def history(setting: Setting, choose: Choose, tries: int, seed: int) -> Past:
    """One sequence of candidates. The turns are the ledger's own."""
    rng = np.random.default_rng(seed)
    truth = _truth(setting, rng)
    theirs, past, looks = _baseline(setting, truth, rng), Past(), list[CountedLook]()
    for number in range(tries):
        drop = choose(past, rng)
        if drop is None:
            break
        if setting.counted and setting.baseline == "drawn":
            theirs = _drawn(truth, setting.samples, rng)
        turn = _turn(setting, looks, past.green) if setting.counted else NOT_COUNTED
        ours = _drawn(moved(truth, float(truth.mean()) - drop), setting.samples, rng)
        past.drops.append(drop)
        past.estimates.append(ours.mean - theirs.mean)
        past.green.append(_is_green(ours, theirs, turn))
        looks.append((LookRow(str(number), "b", "t", 1, 0.0, 1, 1, ""), replace(_ASKED, turn=turn)))
    return past


@dataclass(frozen=True)
class Drawn:
    """How many of so many samples of each case were right."""

    right: FloatArray
    samples: int

    @property
    def mean(self) -> float:
        return float(self.right.sum()) / (len(self.right) * self.samples)

    @property
    def scores(self) -> FloatArray:
        return (np.arange(self.samples) < self.right[:, np.newaxis]).astype(np.float64)


def _drawn(truth: FloatArray, samples: int, rng: np.random.Generator) -> Drawn:
    return Drawn(rng.binomial(samples, truth).astype(np.float64), samples)


def _truth(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """True means of cases, 0.9 on average; two samples of a case correlate by 0.5."""
    return np.asarray(rng.beta(0.9, 0.1, setting.cases)) * 0.98 + 0.01


def _baseline(setting: Setting, truth: FloatArray, rng: np.random.Generator) -> Drawn:
    if setting.baseline == "drawn":
        return _drawn(truth, setting.samples, rng)
    size = setting.samples * _RECORDED
    drawn = [_drawn(truth, size, rng) for _ in range(_LUCK if setting.baseline == "unlucky recorded" else 1)]
    return sorted(drawn, key=lambda each: each.mean)[1 if len(drawn) > 1 else 0]


def _turn(setting: Setting, looks: list[CountedLook], green: list[bool]) -> Turn:
    runs = [((str(number), "b"), frozenset("t")) for number, is_green in enumerate(green) if is_green]
    is_recorded = setting.baseline != "drawn"
    turn = next_turn(looks, [], lambda: runs, level=LEVEL, is_recorded=is_recorded)
    bound = baseline_level(_ASKED, looks, level=LEVEL, evaluations=1) if is_recorded else 0.0
    return Turn(turn.number, turn.greens, turn.share, bound)


def _is_green(ours: Drawn, theirs: Drawn, turn: Turn) -> bool:
    """The rule of a gate at its first look; what is nowhere near is not worked out."""
    beyond, level = ours.mean - theirs.mean + MARGIN, LEVEL * share_of(1) * turn.share
    if beyond <= 0 or beyond <= 1.6 * math.sqrt(sum(map(_variance, (ours, theirs)))):
        return False
    if turn.baseline_level:
        return shared_baseline_contrast(ours.scores, theirs.scores, turn.baseline_level).lower(1 - level) > -MARGIN
    return suite_contrast(ours.scores, theirs.scores).lower(1 - level) > -MARGIN


def _variance(drawn: Drawn) -> float:
    """Of the mean, by the noise within cases; no bound is narrower than a normal one with it."""
    rate = drawn.right / drawn.samples
    return float((rate * (1 - rate)).sum()) / (drawn.samples - 1) / len(rate) ** 2


def candidates(_: Path) -> list[Figure]:
    """All figures."""
    with ProcessPoolExecutor(_WORKERS) as workers:
        return [figure for part in (today, honest, sequences) for figure in part(workers)]


def _histories(workers: Executor, setting: Setting, choose: Choose, n: int, tries: int = TRIES) -> list[Past]:
    return list(workers.map(partial(history, setting, choose, tries), range(n), chunksize=10))


def today(workers: Executor) -> Iterator[Figure]:
    """One drawn baseline for all, each candidate at the level of a first look: not counted."""
    pasts = _histories(workers, Setting(counted=False), copies, MOST)
    for tries in (10, 30, TRIES):
        value = sum(any(past.green[:tries]) for past in pasts) / MOST
        yield Figure(f"not counted: any of {tries} worse by the margin is green", value, "of histories", "", True)


def sequences(workers: Executor) -> Iterator[Figure]:
    """Up to 100 candidates, each chosen by what became of those before it."""
    for baseline in ("drawn", "recorded", "unlucky recorded"):
        for name, choose in STRATEGIES.items():
            n = SOME if choose in (half_worse, walk, climb, stopper) else MOST
            pasts = _histories(workers, Setting(baseline=baseline), choose, n)
            shares = np.array([past.share for past in pasts])
            what = f"share of greens that are worse, {name}, {baseline} baseline"
            any_false = sum(past.false > 0 for past in pasts) / n
            yield _wrong(
                what, float(shares.mean()), float(shares.std(ddof=1)), n, f"any false green in {any_false:.3f}"
            )


def _wrong(name: str, value: float, spread: float, n: int, beside: str) -> Figure:
    most = LEVEL + 2 * max(spread, math.sqrt(LEVEL / n)) / math.sqrt(n)
    return Figure(name, value, "", f"≤ {most:.3f}", value <= most, f"{beside}; {n} histories, promised 0.05")


def honest(workers: Executor) -> Iterator[Figure]:
    """Ten candidates in a row that are as good as the baseline."""
    for cases, samples in ((100, 5), (50, 10)):
        for baseline in ("drawn", "recorded"):
            setting = Setting(cases, samples, baseline)
            greens = np.mean([past.green for past in _histories(workers, setting, as_good, SOME, 10)], axis=0)
            shown = ", ".join(f"{each:.2f}" for each in greens)
            least = float(greens.min())
            name = f"ten as good in a row, the one that is green least often, {setting.in_words}"
            yield Figure(name, least, "of histories", "≥ 0.8", least >= 0.8, f"one by one {shown}")
