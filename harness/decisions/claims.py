"""What a mean does not tell: how each case did, which are lost, and requests that are left unanswered."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Literal

import numpy as np

from harness.decisions.observations import Observations, has_score, oriented
from harness.decisions.reasons import percent
from harness.records import CaseResult, Check, LostClaim
from harness.statistics.arrays import FloatArray, case_means, is_binary
from harness.statistics.intervals.proportions import exact_lower
from harness.statistics.suites.lost import lost_cases

#: At most so many of the cases that are listed as lost are not, on average.
LISTED_AT = 0.05


_STATES: tuple[Literal["broken", "flaky", "stable"], ...] = ("broken", "flaky", "stable")


def case_results(observed: Observations) -> tuple[CaseResult, ...]:
    """Every case that has a candidate score, in the order given.

    A case is stable when every sample is right, broken when none is, flaky between. A sample of a binary metric is
    right at 1; of another, when it reaches the threshold, or 0.5 where scores in [0, 1] have none. A measure without a
    threshold has no right and wrong: its cases are stable.
    """
    scores, least, higher = observed.candidate, observed.plan.threshold, observed.higher_is_better
    if observed.unit is None:
        least = float(higher) if is_binary(scores) else 0.5 if least is None else least
    is_there, sign = ~np.isnan(scores), 1 if higher else -1
    rights = (is_there if least is None else sign * scores >= sign * least).sum(axis=1)
    states = np.where(rights == is_there.sum(axis=1), 2, np.where(rights == 0, 0, 1)).tolist()
    nothing = [None] * len(scores)
    theirs = nothing if observed.baseline is None else _means(observed.baseline)
    clusters = nothing if observed.clusters is None else map(str, observed.clusters)
    rows = zip(observed.case_ids, is_there.sum(axis=1).tolist(), _means(scores), theirs, states, clusters, strict=True)
    return tuple(
        CaseResult(case, n, mean, other, _STATES[state], cluster, unanswered=observed.unanswered.get(case))
        for case, n, mean, other, state, cluster in rows
        if n
    )


def _means(scores: FloatArray) -> list[float | None]:
    return [None if mean != mean else mean for mean in case_means(scores).tolist()]


def unanswered(observed: Observations, level: float) -> str:
    """Say by how much more than the baseline's the share of requests that it leaves unanswered may be, if that is more
    than the margin; "" where it is shown not to be. The share of each pair of blocks must be known.

    The middle of the pairs does not tell: a server that refuses in one block of seven has the middle of one that never
    does. So the blocks are counted together: the mean over all pairs of what the candidate left more, from above, less
    the mean of what it left less, from below. Where both were seen, each bound has half of the level.

    Args:
        level: of the chance that it is more.
    """
    baseline = observed.baseline
    if not observed.plan.in_blocks or baseline is None:
        return ""
    weighed = itertools.compress(observed.case_ids, (observed.scored & has_score(baseline)).tolist())
    shares = [observed.unanswered.get(pair) for pair in weighed]
    excess = np.array([share for share in shares if share is not None])
    if len(excess) < len(shares):
        return (
            "the middle of the pairs passes, but how many more of the requests the candidate left unanswered is not "
            "known: the blocks are of two runs, or the report is older; run a gate of these two versions"
        )
    more, less = np.maximum(excess, 0), np.maximum(-excess, 0)
    if not more.any():
        return ""
    bound, beside, over_all = _mean_bounds(more, level / 2 if less.any() else level)[1], "", ""
    if less.any():
        bound -= _mean_bounds(less, level / 2)[0]
        beside, over_all = f", {percent(float(less.mean()))} less in {np.count_nonzero(less):,}", " over all"
    whole = 1.0 if observed.plan.margin_is_relative else abs(float(np.nanmean(baseline)))
    if bound * whole <= observed.plan.margin:
        return ""
    return (
        f"the middle of the pairs passes, but the candidate left {percent(float(more.mean()))} more of the requests "
        f"unanswered than the baseline, in {np.count_nonzero(more):,} of {len(excess):,} blocks{beside}, and may leave "
        f"{percent(bound)} more{over_all}; mend the server, or measure more blocks"
    )


def _mean_bounds(shares: FloatArray, level: float) -> tuple[float, float]:
    """A lower and an upper bound of a mean, each at the level.

    The shares lie between 0 and the largest that was seen, and nothing of that range and mean is less certain than what
    is either 0 or the largest, whose proportion has Clopper and Pearson's bounds.
    """
    most = float(shares.max())
    n_most = min(float(shares.sum()) / most, len(shares))
    n = len(shares)
    return most * exact_lower(n_most, n, level), most * (1 - exact_lower(n - n_most, n, level))


def lost_claim(observed: Observations, checks: tuple[Check, ...], red_level: float) -> LostClaim | None:
    """The cases that are shown to be worse than the baseline's; None where nothing is required, or none can be shown.

    Cases that are not drawn yet count as not lost, so that it is valid whenever one stops: more cases only add to it.

    Args:
        checks: those of the verdict.
        red_level: at which one comparison of the evaluation is red by itself.
    """
    if not checks or not observed.has_two_claims or not observed.may_decide or observed.undecided:
        return None
    if observed.is_same or observed.baseline is None or not observed.candidate.size or not observed.baseline.size:
        return None
    ids, clusters, most = observed.case_ids, observed.clusters, observed.plan.max_lost
    size = max(len(ids), observed.suite_size or observed.n_planned)
    sides = [oriented(observed, observed.as_drawn(each)) for each in (observed.candidate, observed.baseline)]
    lost = lost_cases(sides[0], sides[1], LISTED_AT * len(ids) / size, clusters)
    shown = tuple(ids[i] for i in lost.indices)
    if most is None or not observed.is_whole:
        return LostClaim(shown, most)
    # No false one among them but by the level (Bonferroni over those that could be found): any number may be allowed.
    decisive, sizes = lost_cases(sides[0], sides[1], red_level, clusters), Counter(clusters)
    times = [sizes[clusters[i]] if clusters else 1 for i in decisive.indices]
    level = red_level / max(1, decisive.n_tested)
    named = tuple(ids[i] for i, n in zip(decisive.indices, times, strict=True) if decisive.p_values[i] * n <= level)
    return LostClaim(shown, most, len(named), named)
