"""The shape of a stored run: what each evaluation drew and requires, and how much its scores vary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.gate.history.scores import Scores, Side
from harness.gate.planning.blocks import BlockPairs
from harness.gate.planning.simulation import ScoreSpread, Shape
from harness.records import Role, VerdictKind
from harness.statistics.arrays import FloatArray, case_means, is_binary
from harness.store import ScoreSet, Store

_HIGHEST_CORRELATION = 0.99
_LEAST_NOISE = 0.01


@dataclass(frozen=True, slots=True)
class PlannedGate:
    """A gate to look at.

    Attributes:
        shapes: of its comparisons.
        evaluations: how many evaluations share the error rate of red.
        source: where sizes and spread come from, in words.
        unlike: what is another version than that under test now, in words; "" where nothing is.
        guessed: the options of the spread that nobody gave and no run told.
        blocks: the measures of a stored run that were taken in pairs of blocks.
    """

    shapes: tuple[Shape, ...]
    evaluations: int
    confidence_level: float
    source: str
    unlike: str = ""
    guessed: tuple[str, ...] = ()
    blocks: tuple[BlockPairs, ...] = ()


def shapes_of_run(store: Store, side: Side, names: Sequence[str]) -> Iterator[Shape]:
    """The comparisons of a stored run whose scores lie in [0, 1], more being better, and that have two cases or more;
    those that leave nothing to chance find any drop.

    Args:
        side: any version of the run.
        names: what each of the report's evaluations is called.
    """
    sets: dict[tuple[str, Role], list[ScoreSet]] = {}
    for each in store.score_sets(side.weighed.run.run_id):
        sets.setdefault((each.evaluation_id, each.role), []).append(each)
    tables = {key: Scores(store, side, own).table for key, own in sets.items()}
    roles: tuple[Role, Role] = ("candidate", "baseline")
    for verdict, name in zip(side.report.evaluations, names, strict=True):
        ids, plan = [case.id for case in verdict.cases], verdict.plan
        if verdict.unit is not None or plan.aim != "higher" or len(ids) < 2 or verdict.is_certain:
            continue
        known = (tables.get((verdict.id, role)) for role in roles)
        ours, theirs = (None if table is None else table.of(verdict.metric, ids) for table in known)
        if ours is None:
            continue
        counts = (~np.isnan(ours)).sum(axis=1)
        has_draws = bool((counts > 1).any()) and not verdict.is_repeatable
        doubts = {"samples": not has_draws, "clusters": any(case.cluster is not None for case in verdict.cases)}
        shape = Shape(
            name=name,
            cases=verdict.n_planned or len(ours),
            samples=max(1, round(float(counts.mean()))),
            margin=plan.margin,
            design="fixed" if plan.design == "fixed" else "sequential",
            about=plan.about,
            is_repeatable=verdict.is_repeatable,
            doubts=tuple(doubt for doubt, is_so in doubts.items() if is_so),
        )
        if verdict.is_repeatable:
            ours, theirs = (None if each is None else case_means(each)[:, np.newaxis] for each in (ours, theirs))
            assert ours is not None
        is_worse = VerdictKind.REGRESSED in (verdict.verdict, *(each.verdict for each in verdict.checks))
        if theirs is not None and is_worse:  # what differs there is the drop, and no figure of versions alike
            spread = replace(spread_of(theirs), differing=ScoreSpread().differing)
            yield replace(shape, spread=spread, doubts=(*shape.doubts, "red"))
        elif theirs is not None:
            yield replace(shape, spread=spread_of(ours, theirs))
        if plan.threshold is not None:
            yield replace(shape, threshold=plan.threshold, spread=spread_of(ours))


def spread_of(candidate: FloatArray, baseline: FloatArray | None = None) -> ScoreSpread:
    """Estimate how scores vary between cases, within them and from version to version, by analysis of variance.

    The variance within a case is that of its samples; that between cases is what the variance of their means has
    beyond it. The mean counts one more case, of score 0.5, so that it is never 0 or 1; scores that are all the same
    leave the correlation at its default. Scores of 0 and 1 have all of their noise. Of one sample of each case half of
    the variance is taken to lie within them, or as much as differs between two versions.

    Parameters
    ----------
    candidate, baseline : (n_cases, n_samples) of the same cases, in [0, 1], NaN for missing
    """
    known = [candidate] if baseline is None else [candidate, baseline]
    means = [case_means(scores) for scores in known]
    n = (~np.isnan(means[0])).sum()
    mean = (float(np.mean([np.nanmean(each) for each in means])) * n + 0.5) / (n + 1)
    total = float(np.mean([np.nanvar(each, ddof=1) for each in means]))
    if total == 0:
        return ScoreSpread(mean, differing=0.0)
    moved = total if baseline is None else float(np.nanvar(means[0] - means[1], ddof=1))
    parts = [_within(scores, own) for scores, own in zip(known, means, strict=True)]
    inner, noise = (float(np.mean(each)) for each in zip(*parts, strict=True))
    if np.isnan(noise):
        inner = noise = min(total, moved) / 2
    between, room, differing = max(0.0, total - noise), mean * (1 - mean), 0.0
    correlation = min(between / room, _HIGHEST_CORRELATION)
    level = 1.0 if all(map(is_binary, known)) else inner / (room * (1 - correlation))
    if baseline is not None and between > 0:
        differing = min(1.0, max(0.0, moved - 2 * noise) / (2 * between))
    return ScoreSpread(mean, correlation, differing, min(1.0, max(_LEAST_NOISE, level)))


def _within(scores: FloatArray, means: FloatArray) -> tuple[float, float]:
    """Variance of a sample around the mean of its case, and of that mean; NaN where no case has two samples."""
    counts = (~np.isnan(scores)).sum(axis=1)
    there = counts[counts > 0]
    if not (there > 1).any():
        return np.nan, np.nan
    of_a_sample = float(np.nansum((scores - means[:, np.newaxis]) ** 2) / (there - 1).sum())
    return of_a_sample, of_a_sample * float((1 / there).mean())
