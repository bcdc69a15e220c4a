"""Samples and cases that would decide what is open."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from harness.decisions.betting import Levels
from harness.decisions.observations import Observations
from harness.decisions.questions import Question, questions
from harness.statistics.arrays import FloatArray, case_means
from harness.statistics.intervals.contrasts import Contrast
from harness.statistics.intervals.signed_ranks import fewest_pairs
from harness.statistics.searching import first_that

#: Quantile of the normal for power 0.8: drawn anew, a difference as large as the one seen is decided 4 times in 5.
_POWER = 0.8416212335729143
#: How many times the rows that bets have seen they are tried on, up to so many in all.
_TIMES, _MOST_ROWS = (4, 32, 256), 20_000


@dataclass(frozen=True, slots=True)
class SamplesNeeded:
    """More cases at the present samples each, or more samples for each case; `samples` is the candidate's total.

    `beyond` says by what the cases must differ from those there are: as a cluster of these they would tell less.
    `is_rest` tells that they are those of the suite that are not drawn yet, whether or not these decide it.
    """

    samples: int
    cases: int | None
    samples_per_case: int | None
    beyond: Literal["field", "texts"] | None = None
    is_rest: bool = False


def needed(
    observed: Observations, asked: Question, lower: float, levels: Levels, next_share: float = 1.0
) -> SamplesNeeded | None:
    """Compute what would decide an open comparison if the difference stays as it is; None where nothing tells yet.

    What costs least of the error rate is asked for. About these cases, once all are drawn, that is more samples, which
    is another look, at `next_share` of the present one's level. About cases like these new cases are bet on at the
    present look, where it bets.

    Bets are asked when they would end on the same cases over again; half-widths of others shrink with the root of the
    number of units, and with that number itself where no case differs. A cluster is a unit: where copies count as one,
    so do those to come, and clusters of the user's field have as many cases as those there are.
    """
    contrast = asked.worst
    later = levels[0] * next_share, levels[1] * next_share / len(asked.directions)
    n_samples, n_scored, n_units = observed.n_samples, max(1, int(observed.scored.sum())), len(observed.cluster_sizes)
    per_case, units = n_samples / n_scored, n_samples if observed.by_samples else n_units
    is_recorded = asked.against in observed.recorded
    if observed.is_about_suite and not observed.is_whole:
        left = max(1, (observed.suite_size or observed.n_planned) - observed.n_done)
        return SamplesNeeded(_at_least_one(left * per_case), left, None, is_rest=True)
    if observed.is_about_suite and not observed.is_repeatable:
        factor = _growth(contrast, later, asked.margin, n_units * per_case)
        return None if factor is None else _more_samples(observed, factor, per_case, is_recorded=is_recorded)
    if is_recorded and observed.by_samples:  # no more of the baseline's can come
        return None
    if observed.plan.in_blocks and asked.against != "threshold":
        more = _pairs(contrast, n_scored, asked.margin, later)
    elif asked.bets and not observed.is_about_suite:
        more = _more_bets(observed, asked, levels)
    elif observed.quantile is not None and not math.isfinite(lower):
        more = _to_bound(observed, asked, levels, units)
    else:
        factor = _growth(contrast, later, asked.margin, units)
        alike = observed.by_samples or observed.clusters_known_by == "texts"
        more = None if factor is None else _at_least_one((factor - 1) * (units if alike else n_scored))
    if more is None:
        return None
    if observed.by_samples:
        return SamplesNeeded(more, None, more)
    beyond = observed.clusters_known_by if n_units < len(observed.case_ids) else None
    return SamplesNeeded(_at_least_one(more * per_case), more, None, beyond)


def _asked_again(observed: Observations, asked: Question, levels: Levels, n: int) -> Question:
    """The same question of so many cases (samples, of a single one), those that there are over and over again."""
    is_single, seen = observed.by_samples or observed.plan.per == "case", len(observed.case_ids)
    rows = np.resize(np.arange(seen), 1 if is_single else n)
    sides = observed.on_sides(lambda scores: np.resize(scores[rows], (1, n)) if is_single else scores[rows])
    labels, ids = observed.clusters, tuple(map(str, range(len(rows))))
    clusters = labels and tuple((labels[row], place // seen) for place, row in enumerate(rows.tolist()))
    grown = replace(observed, case_ids=ids, clusters=clusters, **sides)
    again = questions(grown, levels, red_beyond=asked.red_beyond)
    return next(each for each in again if each.against == asked.against)


def _more_bets(observed: Observations, asked: Question, levels: Levels) -> int | None:
    """The cases (samples, of a single one) with which bets decide it if those to come are like those seen."""
    seen = observed.n_rows
    for times in _TIMES:
        n = min(times * seen, _MOST_ROWS)
        ends = _asked_again(observed, asked, levels, n).ends(levels)
        end = min((each for each in ends if each is not None), default=None)
        if end is None:
            continue
        if observed.clusters is None or observed.clusters_known_by != "texts":
            return max(1, end - seen)
        whole, rest = divmod(end, seen)
        return max(1, (whole - 1) * len(set(observed.clusters)) + len(set(observed.clusters[:rest])))
    return None


def _to_bound(observed: Observations, asked: Question, levels: Levels, units: int) -> int | None:
    """The units that are lacking so that there can be a bound at all."""
    alone = replace(observed, clusters=None if observed.clusters is None else tuple(range(len(observed.case_ids))))
    fewest = first_that(
        lambda n: math.isfinite(_asked_again(alone, asked, levels, n).ruling(levels)[1]), units + 1, _MOST_ROWS
    )
    return None if fewest is None else fewest - units


def _more_samples(observed: Observations, factor: float, per_case: float, *, is_recorded: bool) -> SamplesNeeded | None:
    """More samples of each case; None where that can't be enough, for the rest of the noise is a recording's."""
    ours, theirs = _noise(observed.candidate), 0.0
    if is_recorded and observed.baseline is not None:
        theirs = _noise(observed.baseline)
    share = ours / (ours + theirs) if theirs > 0 else 1.0
    room = 1 / factor - (1 - share)
    if room <= 0:
        return None
    extra = _at_least_one(per_case * (share / room - 1))
    return SamplesNeeded(extra * int(observed.scored.sum()), None, extra)


def _pairs(contrast: Contrast, pairs: int, margin: float, levels: Levels) -> int | None:
    """The pairs of blocks with which the nearer end is reached, no fewer than its level can be shown with at all."""
    error, ends = contrast.standard_error, ((contrast.value + margin, levels[0]), (-contrast.value, levels[1]))
    ways = [
        max(fewest_pairs(level), pairs * ((_POWER - float(special.ndtri(level))) * error / distance) ** 2)
        for distance, level in ends
        if distance > 0 and math.isfinite(error)
    ]
    return _at_least_one(min(ways) - pairs) if ways else None


def _growth(contrast: Contrast, levels: Levels, margin: float, units: float) -> float | None:
    """The factor by which units must grow until a bound decides; None where neither comes nearer.

    Where so many units do not differ at all, a bound is as far away as 1 - level^(1/units) (Clopper and Pearson, 1934).
    """
    value, error, least = contrast.value, contrast.standard_error, math.inf
    low, high = value - contrast.lower(1 - levels[0]), contrast.upper(1 - levels[1]) - value
    for distance, width, level in ((value + margin, low, levels[0]), (-value, high, levels[1])):
        if distance <= 0 or math.isinf(width):  # it leads away from there, or there is no bound at all
            continue
        if error > 0:
            factor = ((width + _POWER * error) / distance) ** 2
        elif width <= distance:
            factor = width / distance
        else:
            share = distance / width * -math.expm1(math.log(level) / units)
            factor = math.log(level) / math.log1p(-share) / units
        least = min(least, factor)
    return max(1.0, least) if math.isfinite(least) else None


def _at_least_one(number: float) -> int:
    return max(1, math.ceil(number - 1e-9))


def _noise(scores: FloatArray) -> float:
    """The sum of the variances of the cases' means from their samples; of cases with two or more."""
    counts = (~np.isnan(scores)).sum(axis=1).astype(np.float64)
    squares = (np.nan_to_num(scores - case_means(scores)[:, np.newaxis]) ** 2).sum(axis=1)
    return float(np.where(counts > 1, squares / np.maximum(counts * (counts - 1), 1), 0.0).sum())
