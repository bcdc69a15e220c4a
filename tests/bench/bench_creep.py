"""A slow decline: twenty releases, each lower by 0.2 margins, weighed against the one before and against an anchor.

Versions are asked at their stored draws: a release is drawn once as a candidate and once as a baseline, the anchor once
for all twenty gates, so that its luck is in each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from harness.decisions import Observations, decided_after, worst
from harness.decisions.looks import look_at
from harness.decisions.questions import questions
from harness.decisions.rule import n_comparisons, red_levels
from harness.gate.planning.simulation import ScoreSpread, Shape, observed, sampled, true_means
from harness.records import VerdictKind
from harness.statistics.arrays import FloatArray
from tests.bench.sampling import Figure
from tests.decisions.observations import replace

HISTORIES, RELEASES = 300, 20
LEVEL, MARGIN, STEP = 0.05, 0.05, 0.2
"""Of a margin, by which each release is lower than the one before."""
_WORKERS, _AT_ONCE, _SEED = 2, 25, 31
_LAST = {False: RELEASES, True: 10}
"""The last release that is weighed: with an anchor two margins are lost by then."""
_SPREAD = ScoreSpread(mean=0.9)
SHAPES = tuple(
    Shape(cases=cases, samples=samples, margin=MARGIN, spread=_SPREAD, about=about)
    for cases, samples in ((100, 5), (50, 10))
    for about in ("suite", "population")
)
Outcome = Literal[0, 1, 2]
"""Green, inconclusive, red."""
Codes = np.ndarray[tuple[int, ...], np.dtype[np.int8]]


@dataclass(frozen=True)
class History:
    """Twenty releases of one project.

    Attributes:
        step: of a margin, by which each is lower; 0 for releases that are all alike.
        anchored: whether each is weighed against the anchor, too.
        recorded: samples of a case that the anchor is recorded with; 0 where it is asked, and has as many as all.
        by_case: whether each release loses one more case wholly, in place of a little of each.
    """

    shape: Shape
    step: float = STEP
    anchored: bool = True
    recorded: int = 0
    by_case: bool = False


def creep(_: Path) -> list[Figure]:
    """All figures."""
    with ProcessPoolExecutor(_WORKERS) as workers:
        return [figure for shape in SHAPES for figure in (*_declines(workers, shape), *_alike(workers, shape))]


def _declines(workers: Executor, shape: Shape) -> Iterator[Figure]:
    """What is lost before a gate stops a decline, without an anchor and with one, asked and recorded."""
    alone = outcomes(workers, History(shape, anchored=False))
    lost = np.where((alone == 2).any(axis=1), (alone == 2).argmax(axis=1) + 1, RELEASES) * STEP
    never = float((~(alone == 2).any(axis=1)).mean())
    name = f"20 releases each lower by 0.2 margins, {_words(shape)}"
    beside = f"90th percentile {np.quantile(lost, 0.9):.2g}; {never:.2f} of histories have no red in 20 releases"
    yield Figure(f"{name}, no anchor: lost at the first red", float(np.median(lost)), "margins", "", True, beside)
    histories = [History(shape, recorded=recorded) for recorded in _recorded(shape)]
    histories += [History(shape, by_case=True)] if shape.cases * STEP * MARGIN == 1 else []
    for history in histories:
        codes, recorded = outcomes(workers, history), history.recorded
        before = codes[:, : round(2 / STEP) - 1]  # the tenth release has lost two margins
        red, held = float((before == 2).any(axis=1).mean()), float((before > 0).any(axis=1).mean())
        what = f"{name}{', one case at a time' * history.by_case}, anchor {_asked(recorded)}"
        beside = f"{HISTORIES} histories"
        yield Figure(f"{what}: red before two margins are lost", red, "of histories", "≥ 0.95", red >= 0.95, beside)
        yield Figure(f"{what}: not green before", held, "of histories", "≥ 0.95", held >= 0.95, beside)
        greens = (codes[:, round(1 / STEP) - 1 :] == 0).mean(axis=0)
        most, limit = float(greens.max()), LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / HISTORIES)
        beside = f"promised 0.05, {HISTORIES} histories; the worst of releases 5 to 10"
        yield Figure(
            f"{what}: green though a margin or more below the anchor", most, "of a release's gates",
            f"≤ {limit:.3f}", most <= limit, beside,
        )  # fmt: skip


def _alike(workers: Executor, shape: Shape) -> Iterator[Figure]:
    """Releases that are all alike: false reds, of all gates and in the unluckiest histories, whose anchor was lucky."""
    for recorded in _recorded(shape):
        codes = outcomes(workers, History(shape, step=0.0, recorded=recorded))
        reds = (codes == 2).mean(axis=1)
        value, spread = float(reds.mean()), float(reds.std()) / math.sqrt(HISTORIES)
        limit = LEVEL + 2 * max(spread, 1e-3)
        beside = (
            f"red even once in 20 in {(reds > 0).mean():.3f}; in the unluckiest 1 of 100 histories "
            f"{np.quantile(reds, 0.99):.2f} of the gates; green {(codes == 0).mean():.2f}"
        )
        what = f"20 releases as good as the anchor, {_words(shape)}, anchor {_asked(recorded)}: red"
        yield Figure(what, value, "of the gates", f"≤ {limit:.3f}", value <= limit, beside)


def _recorded(shape: Shape) -> tuple[int, ...]:
    """The samples of a case that anchors have: 0 for those of all, of one that is asked, or so many as are recorded."""
    return (0, 4 * shape.samples) if shape.cases == SHAPES[0].cases else (0,)


def _words(shape: Shape) -> str:
    return f"{shape.cases} × {shape.samples}, about the {shape.about}"


def _asked(recorded: int) -> str:
    return f"recorded at {recorded} samples" if recorded else "asked"


def outcomes(workers: Executor, history: History, histories: int = HISTORIES) -> Codes:
    """The outcome of each release, (histories, releases)."""
    parts = [workers.submit(partial(_part, history), number) for number in range(histories // _AT_ONCE)]
    return np.concatenate([each.result() for each in parts])


def _part(history: History, number: int) -> Codes:
    kind = [round(10 * history.step), history.anchored, history.recorded, history.by_case]
    rng = np.random.default_rng([_SEED, number, *map(int, kind), history.shape.cases, history.shape.about == "suite"])
    return np.array([one_history(history, rng) for _ in range(_AT_ONCE)], dtype=np.int8)


def one_history(history: History, rng: np.random.Generator) -> list[Outcome]:
    """The outcome of each release in turn, whatever came of those before it."""
    shape = history.shape
    first = np.sort(true_means(shape, None, rng)[0])[::-1]
    n_anchor = history.recorded or shape.samples
    anchor, before, codes = sampled(first, n_anchor, 1.0, rng), first, list[Outcome]()
    for release in range(1, _LAST[history.anchored and history.step > 0] + 1):
        means = _lower(first, release, history)
        candidate, baseline = sampled(means, shape.samples, 1.0, rng), sampled(before, shape.samples, 1.0, rng)
        entry = observed(shape, candidate, baseline)
        entry = replace(entry, anchor=anchor) if history.anchored else entry
        entry = entry.rows(rng.permutation(shape.cases).tolist())
        codes.append(outcome(entry))
        before = means
    return codes


def outcome(entry: Observations) -> Outcome:
    """What `decide` says of one evaluation at its first look, without the reasons and estimates, which take longer."""
    looks, parts = {entry.id: look_at(1, 1, 1).at(LEVEL)}, {entry.id: n_comparisons([entry])}
    look = looks[entry.id]
    end = decided_after([entry], look.level, look.red_level)
    used = entry if end is None else entry.first(end)
    asked = questions(used, (look.level, look.red_level / parts[entry.id]))
    reds = red_levels([(used, each) for each in asked], looks, parts)
    kind = worst(each.ruling((look.level, red))[0] for each, red in zip(asked, reds, strict=True))
    return 2 if kind.is_red else 0 if kind is VerdictKind.PASSED else 1


def _lower(means: FloatArray, release: int, history: History) -> FloatArray:
    """The means of a release, of these cases or of those that there could be."""
    if history.by_case:
        return np.where(np.arange(len(means)) < release, 0.0, means)
    whole = float(means.mean()) if history.shape.about == "suite" else history.shape.spread.mean
    return means * (1 - release * history.step * history.shape.margin / whole)
