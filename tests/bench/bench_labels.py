"""What labels with a judge cost and promise: labels to decide a gate, coverage, bias of the drawing, error rates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.decisions.labels import labelled_mean
from harness.statistics.labels.draws import LabelQuestion
from tests.bench.label_gates import GOOD, POOR, Gate, Judge, Outcome, People, uniform_alone
from tests.bench.sampling import Figure

_WORKERS, _NICENESS, _AT_ONCE = 2, 10, 25
COSTS, COVERAGE = 200, 400
#: Gates of each judge; more where the rate is nearest to what is promised.
ERRORS = (1000, 400, 400, 400)
RATE = LabelQuestion("rate", 0.8, 0.05)
DIFFERENCE = LabelQuestion("difference", 0.0, 0.05)
PAIRED = People(0.8, 0.075, 0.075, paired=True)
_GOALS = ((POOR, "poor", 0.65), (GOOD, "good", 0.45))
_CHANCE = Judge(0.4, 0.4)
_BAD = (
    (_CHANCE, "worse than chance"),
    (Judge(kind="constant"), "constant"),
    (Judge(kind="adversarial"), "adversarial"),
)


def labels(_folder: Path) -> list[Figure]:
    """All figures."""
    with ProcessPoolExecutor(_WORKERS, initializer=os.nice, initargs=(_NICENESS,)) as workers:
        return [*costs(workers), *coverage(workers), *error_rates(workers)]


def costs(workers: Executor, gates: int = COSTS) -> Iterator[Figure]:
    """Labels to decide a gate of 1,000 judged cases, as a share of those that uniform labels alone take."""
    alone = _many(workers, partial(uniform_alone, People(), RATE), gates, 1)
    for judge, name, goal in _GOALS:
        for variant, what in (
            (judge, "graded"),
            (Judge(judge.sensitivity, judge.specificity, "binary"), "0 or 1"),
            (Judge(judge.sensitivity, judge.specificity, right_spread=2.0), "graded, right answers twice as spread"),
        ):
            yield _threshold_cost(workers, variant, f"{name} judge, {what}", alone, goal)
    for same, what in ((0.0, "all answers differ"), (0.5, "half of the answers are the same text")):
        people = People(0.8, 0.075, 0.075, same, paired=True)
        alone = _many(workers, partial(uniform_alone, people, DIFFERENCE), gates, 3)
        for judge, name, goal in _GOALS:
            ours = _many(workers, partial(_run, people, judge, DIFFERENCE), gates, 4)
            yield _cost(f"labels to decide against a baseline, {name} judge, {what}", ours, alone, goal)


def graded_costs(workers: Executor, gates: int) -> Iterator[Figure]:
    """Those of `costs` in which judges give grades."""
    alone = _many(workers, partial(uniform_alone, People(), RATE), gates, 1)
    for judge, name, goal in _GOALS:
        yield _threshold_cost(workers, judge, f"{name} judge, graded", alone, goal)


def _threshold_cost(workers: Executor, judge: Judge, what: str, alone: list[Outcome], goal: float) -> Figure:
    ours = _many(workers, partial(_run, People(), judge, RATE), len(alone), 2)
    return _cost(f"labels to decide a gate, {what}", ours, alone, goal)


def _cost(name: str, ours: list[Outcome], alone: list[Outcome], goal: float) -> Figure:
    means = [float(np.mean([each.labels for each in gates])) for gates in (ours, alone)]
    decided = [float(np.mean([each.verdict != "open" for each in gates])) for gates in (ours, alone)]
    until = [_until_most_are_decided(gates) for gates in (ours, alone)]
    ratio = means[0] / means[1]
    beside = (
        f"{means[0]:.0f} against {means[1]:.0f} labels on average, {decided[0]:.2f} against {decided[1]:.2f} of the "
        f"gates decided; 7 in 10 decided after {until[0]} against {until[1]}"
    )
    return Figure(name, ratio, "×", f"≤ {goal}", ratio <= goal, beside)


def _until_most_are_decided(gates: list[Outcome]) -> str:
    """After how many labels 7 gates in 10 were decided; a gate that stays open never is."""
    counts = sorted(each.labels if each.verdict != "open" else 10**9 for each in gates)
    count = counts[int(0.7 * len(counts))]
    return f"{count:,}" if count < 10**9 else "never"


def coverage(workers: Executor, runs: int = COVERAGE) -> Iterator[Figure]:
    """Intervals once 500 of 1,000 cases had their turn, and the mean error, with the naive drawing beside it."""
    for judge, name, _ in _GOALS:
        found = np.array(_many(workers, partial(_after, judge, 500), runs, 5))
        value, low, high, naive = found.T
        share = float(np.mean((low <= 0.8) & (high >= 0.8)))
        yield Figure(f"coverage after 500 cases, {name} judge", share, "of the intervals", "≥ 0.94", share >= 0.94)
        error, naive_error = float(value.mean()) - 0.8, float(naive.mean()) - 0.8
        noise = 3 * float(value.std()) / runs**0.5
        beside = f"within 3 standard errors, {noise:.4f}; the most uncertain first: {naive_error:+.3f}"
        yield Figure(f"bias after 500 cases, {name} judge", error, "", "none to be seen", abs(error) <= noise, beside)
        stopped = _many(workers, partial(_run, People(), judge, RATE), runs // 4, 6)
        held = float(np.mean([each.interval[0] <= 0.8 <= each.interval[1] for each in stopped]))
        what = f"coverage when stopped as soon as decided, {name} judge"
        yield Figure(what, held, "of the intervals", "≥ 0.94", held >= 0.94)


def error_rates(workers: Executor) -> Iterator[Figure]:
    """Wrong verdicts of gates of 500 cases that are decided anew after each label, over good, poor and bad judges."""
    lost = People(0.75, 0.05, 0.1, paired=True)
    truths = (
        ("below the threshold by the margin", People(0.75), RATE, "green"),
        ("at the threshold", People(0.8), RATE, "red"),
        ("worse than the baseline by the margin", lost, DIFFERENCE, "green"),
        ("as good as the baseline", PAIRED, DIFFERENCE, "red"),
    )
    for stream, ((what, people, question, wrong), gates) in enumerate(zip(truths, ERRORS, strict=True)):
        rates = {}
        for number, (judge, name) in enumerate(((POOR, "poor"), (GOOD, "good"), *_BAD)):
            one = partial(_run, people, judge, question, n_cases=500)
            found = _many(workers, one, gates, 100 + 10 * stream + number)
            rates[name] = float(np.mean([each.verdict == wrong for each in found]))
        rate, total = float(np.mean(list(rates.values()))), gates * len(rates)
        by_judge = ", ".join(f"{name} {each:.3f}" for name, each in rates.items())
        beside = f"± {(rate * (1 - rate) / total) ** 0.5:.4f}, {total:,} gates; {by_judge}"
        yield Figure(f"false {wrong}: {what}", rate, "of the gates", "≤ 0.05", rate <= 0.05, beside)


def _run(people: People, judge: Judge, question: LabelQuestion, seed: list[int], n_cases: int = 1000) -> Outcome:
    return Gate(people, judge, question, seed, n_cases).run()


def _after(judge: Judge, count: int, seed: list[int]) -> tuple[float, float, float, float]:
    """Estimate and interval after so many cases; and the mean of as many labels of the most uncertain items."""
    gate = Gate(People(), judge, RATE, seed)
    while len(gate.found.values) < count and gate.label():
        pass
    found = labelled_mean(gate.said, "rate", gate.items.judged_means("rate"))
    uncertain = np.argsort(np.abs(gate.items.scores[0][:, 0] - 0.5))[: len(gate.found.ends)]
    return found.value, found.low, found.high, float(gate.truth[uncertain, 0].mean())


def _many(workers: Executor, one: Callable[[list[int]], Any], count: int, stream: int) -> list[Any]:
    parts = [range(start, min(start + _AT_ONCE, count)) for start in range(0, count, _AT_ONCE)]
    return [each for part in workers.map(partial(_part, one, stream), parts) for each in part]


def _part(one: Callable[[list[int]], Any], stream: int, numbers: range) -> list[Any]:
    return [one([stream, number]) for number in numbers]
