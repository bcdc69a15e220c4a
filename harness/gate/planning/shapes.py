"""The shape of a stored run: what each evaluation drew and requires, and how much its scores vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.gate.history.scores import Scores, Side
from harness.gate.planning.blocks import BlockPairs
from harness.gate.planning.simulation import ScoreSpread, Shape
from harness.records import Role, Verdict
from harness.statistics.arrays import FloatArray, case_means, is_binary
from harness.store import ScoreSet, Store

_HIGHEST_CORRELATION = 0.99
_LEAST_NOISE = 0.01


@dataclass(frozen=True, slots=True)
class SeenShape:
    """One comparison of a stored run.

    Attributes:
        shape: its size, requirement and spread.
        has_samples: whether there was more than one sample of a case; else half of the variance is taken to lie between
            cases.
        is_clustered: whether cases depended on each other, which the shape does not know.
    """

    shape: Shape
    has_samples: bool
    is_clustered: bool


@dataclass(frozen=True, slots=True)
class PlannedGate:
    """A gate to look at.

    Attributes:
        seen: its comparisons.
        evaluations: how many evaluations share the error rate of red.
        source: where sizes and spread come from, in words.
        unlike: what is another version than that under test now, in words; "" where nothing is.
        guessed: the options of the spread that nobody gave and no run told.
        blocks: the measures of a stored run that were taken in pairs of blocks.
    """

    seen: tuple[SeenShape, ...]
    evaluations: int
    confidence_level: float
    source: str
    unlike: str = ""
    guessed: tuple[str, ...] = ()
    blocks: tuple[BlockPairs, ...] = ()

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of each comparison."""
        return tuple(each.shape for each in self.seen)


def shapes_of_run(store: Store, side: Side, names: Sequence[str]) -> tuple[SeenShape, ...]:
    """The comparisons of a stored run whose scores lie in [0, 1], more being better, and that have two cases or more;
    those that leave nothing to chance find any drop.

    Args:
        side: any version of the run.
        names: what each of the report's evaluations is called.
    """
    sets = store.score_sets(side.weighed.run.run_id)
    found: list[SeenShape] = []
    known: dict[str, Mapping[Role, Scores]] = {}
    for verdict, name in zip(side.report.evaluations, names, strict=True):
        if verdict.unit is not None or verdict.plan.aim != "higher" or len(verdict.cases) < 2 or verdict.is_certain:
            continue
        if verdict.id not in known:
            known[verdict.id] = _scores(store, side, [each for each in sets if each.evaluation_id == verdict.id])
        found += _seen(verdict, name, known[verdict.id])
    return tuple(found)


def _scores(store: Store, side: Side, sets: Sequence[ScoreSet]) -> Mapping[Role, Scores]:
    roles = dict.fromkeys(each.role for each in sets)
    return {role: Scores(store, side, [each for each in sets if each.role == role]) for role in roles}


def _seen(verdict: Verdict, name: str, scores: Mapping[Role, Scores]) -> list[SeenShape]:
    ids = [case.id for case in verdict.cases]
    by_role = {role: each.table.of(verdict.metric, ids) for role, each in scores.items()}
    if "candidate" not in by_role:
        return []
    candidate = by_role["candidate"]
    shape = Shape(
        name=name,
        cases=verdict.n_planned or len(ids),
        samples=max(1, round(float((~np.isnan(candidate)).sum(axis=1).mean()))),
        margin=verdict.plan.margin,
        design=verdict.plan.drawn,
        about=verdict.plan.about,
    )
    seen = SeenShape(
        shape=shape,
        has_samples=bool(((~np.isnan(candidate)).sum(axis=1) > 1).any()),
        is_clustered=any(case.cluster is not None for case in verdict.cases),
    )
    entries = []
    if "baseline" in by_role:
        entries.append(replace(shape, spread=spread_of(candidate, by_role["baseline"])))
    if verdict.plan.threshold is not None:
        entries.append(replace(shape, threshold=verdict.plan.threshold, spread=spread_of(candidate)))
    return [replace(seen, shape=entry) for entry in entries]


def spread_of(candidate: FloatArray, baseline: FloatArray | None = None) -> ScoreSpread:
    """Estimate how scores vary between cases, within them and from version to version.

    The variance within a case is that of its samples; that between cases is what the variance of their means has
    beyond it. The mean counts one more case, of score 0.5, so that it is never 0 or 1; scores that are all the same
    leave the correlation at its default. Scores of 0 and 1 have all of their noise.

    Parameters
    ----------
    candidate, baseline : (n_cases, n_samples) of the same cases, in [0, 1], NaN for missing
    """
    known = [candidate] if baseline is None else [candidate, baseline]
    means = [case_means(scores) for scores in known]
    there = [values[~np.isnan(values)] for values in means]
    n = len(there[0])
    mean = (float(np.mean([values.mean() for values in there])) * n + 0.5) / (n + 1)
    room = mean * (1 - mean)
    total = float(np.mean([values.var(ddof=1) for values in there]))
    within = [_within(scores) for scores in known]
    if None in within:
        between = total / 2
        noise = [between for _ in known]
    else:
        noise = [float(each or 0.0) / _samples(scores) for each, scores in zip(within, known, strict=True)]
        between = max(0.0, total - float(np.mean(noise)))
    correlation = min(between / room, _HIGHEST_CORRELATION) if total > 0 else ScoreSpread().correlation
    inner = float(np.mean([each * _samples(scores) for each, scores in zip(noise, known, strict=True)]))
    level = inner / (room * (1 - correlation)) if total > 0 and not all(map(is_binary, known)) else 1.0
    differing = 0.0
    if baseline is not None and between > 0:
        differences = means[0] - means[1]
        variance = float(differences[~np.isnan(differences)].var(ddof=1))
        differing = min(1.0, max(0.0, variance - sum(noise)) / (2 * between))
    return ScoreSpread(mean, correlation, differing, min(1.0, max(_LEAST_NOISE, level)))


def _within(scores: FloatArray) -> float | None:
    """Variance of the samples around the mean of their case; None where no case has two."""
    counts = (~np.isnan(scores)).sum(axis=1)
    if not (counts > 1).any():
        return None
    residuals = np.nan_to_num(scores - case_means(scores)[:, np.newaxis])
    return float((residuals**2).sum() / (counts[counts > 0] - 1).sum())


def _samples(scores: FloatArray) -> float:
    """Samples of a case, as the harmonic mean that the variance of a case's mean goes by."""
    counts = (~np.isnan(scores)).sum(axis=1)
    return float(1 / (1 / counts[counts > 0]).mean())
