"""Stored versions in order: the ranks that each may have, by the scores of the cases that all of them have."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.decisions import Observations
from harness.decisions.questions import questions
from harness.errors import SettingsError
from harness.gate.history.scores import Pair, Scores, Side, scores_of
from harness.records import same_kind
from harness.statistics.arrays import FloatArray
from harness.statistics.ranks import rank_intervals
from harness.store import Store


@dataclass(frozen=True, slots=True)
class RankedVersion:
    """The ranks that a version may have, 1 for the best, and its score in its run."""

    name: str
    run_id: str
    lowest: int
    highest: int
    value: float | None


@dataclass(frozen=True, slots=True)
class EvaluationRanks:
    """The versions by one metric of an evaluation, the best first; the fewest cases that one of them has, of how many;
    and why others are left out.
    """

    id: str
    metric: str
    unit: str | None
    about: str
    n_cases: int
    suite_size: int
    versions: tuple[RankedVersion, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranks that all hold at once with a chance of at least the confidence level."""

    confidence_level: float
    evaluations: tuple[EvaluationRanks, ...]


def rank(store: Store, sides: Mapping[str, Side]) -> Ranking:
    """Rank versions of stored runs by each metric that at least two of them have.

    The plan and the confidence level are those of the first. Pairs are weighed as a gate would weigh them.

    Args:
        sides: by what each is called.

    Raises:
        SettingsError: no evaluation has two versions that can be ranked.
    """
    level = 1 - next(iter(sides.values())).report.confidence_level
    groups: dict[str, dict[str, Scores]] = {}
    for name, side in sides.items():
        for each in scores_of(store, side):
            groups.setdefault(each.id, {})[name] = each
    tables, reasons = list[tuple[str, dict[str, Scores], dict[str, str]]](), dict[str, None]()
    for group in groups.values():
        first = next(iter(group.values()))
        for metric in first.entries:
            left_out = {name: why for name in sides if (why := _why_apart(group.get(name), first, metric))}
            reasons |= dict.fromkeys(f"{name}: {why}" for name, why in left_out.items())
            members = {name: each for name, each in group.items() if name not in left_out}
            tables += [(metric, members, left_out)] if len(members) > 1 else []
    if not tables:
        why_none = "; ".join(reasons) or "their runs have no scores of it"
        raise SettingsError(f"No two of {', '.join(sides)} can be ranked ({why_none}). Run gates of the same suite.")
    intervals = rank_intervals([_p_lower([*members.values()], metric, level) for metric, members, _ in tables], level)
    return Ranking(1 - level, tuple(_ranked(*table, each) for table, each in zip(tables, intervals, strict=True)))


def _ranked(
    metric: str, members: Mapping[str, Scores], left_out: Mapping[str, str], ranks: npt.NDArray[np.intp]
) -> EvaluationRanks:
    versions, entry = [], next(iter(members.values())).entries[metric]
    for (name, each), (lowest, highest) in zip(members.items(), ranks.tolist(), strict=True):
        mean = getattr(each.entries[metric], each.side.weighed.role)
        versions.append(RankedVersion(name, each.side.weighed.run.run_id, lowest, highest, mean and mean.value))
    sign = -1 if entry.higher_is_better else 1
    versions.sort(key=lambda each: (each.lowest + each.highest, sign * (each.value or 0.0)))
    n_cases, about = min(len(each.known - each.skipped) for each in members.values()), entry.plan.about
    suite_size = max(n_cases, entry.suite_size - entry.n_skipped)
    return EvaluationRanks(entry.id, metric, entry.unit, about, n_cases, suite_size, tuple(versions), left_out)


def _p_lower(members: Sequence[Scores], metric: str, level: float) -> FloatArray:
    """The p-values that `rank_intervals` takes."""
    p_lower = np.ones((len(members), len(members)))
    for i, j in itertools.combinations(range(len(members)), 2):
        p_lower[i, j], p_lower[j, i] = p_lower_both(Pair(members[i], members[j]).observed(metric), level)
    return p_lower


def p_lower_both(pair: Observations, level: float) -> tuple[float, float]:
    """The p-values of "the candidate is as good as the baseline", and of the reverse."""
    assert pair.baseline is not None
    turned = replace(pair, candidate=pair.baseline, baseline=pair.candidate)
    return p_lower_of(pair, level), p_lower_of(turned, level)


def p_lower_of(pair: Observations, level: float) -> float:
    """The p-value of a candidate that is as good as the baseline; 1 where they tell nothing."""
    shown = replace(pair, plan=replace(pair.plan, threshold=None)).as_shown()
    asked = () if shown.undecided or not shown.may_decide else questions(shown, (level, level))
    return min((each.p_less for each in asked if each.directions), default=1.0)


def _why_apart(scores: Scores | None, first: Scores, metric: str) -> str:
    """Say why a version can't be ranked with the first; "" where it can."""
    if scores is None:
        return "its run has no scores of it"
    entry, own = scores.entries.get(metric), first.entries[metric]
    if entry is None or entry.errors:
        return "its run ended in an error, or has no such metric"
    fewer, more = sorted((scores, first), key=lambda each: len(each.known))
    contents = {case.id: case.content for case in own.cases}
    is_other = fewer.known - more.known or (fewer.known != more.known and not fewer.is_in_order)
    is_changed = any(contents.get(case.id, case.content) != case.content for case in entry.cases)
    reasons = {
        "neither way is better": own.plan.aim == "same",
        "blocks of several runs are no pairs": own.plan.in_blocks,
        "measured in another unit or range than the first": not same_kind(entry, own),
        "its bodies compare with the baseline of its own run": scores.compared_with != first.compared_with,
        "run on other cases than the first": is_other or is_changed,
        "its cases were drawn in another order (another `seed`)": Pair(scores, first).other_orders,
    }
    return next((text for text, holds in reasons.items() if holds), "")
