"""Stored versions in order: which ranks each may have, by the scores of the cases that all of them have."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.decisions import Observations
from harness.decisions.questions import questions
from harness.errors import SettingsError
from harness.gate.history.scores import Pair, Scores, Side, scores_of
from harness.records import kind_and_direction, same_kind
from harness.statistics.arrays import FloatArray
from harness.statistics.ranks import rank_intervals
from harness.store import Store


@dataclass(frozen=True, slots=True)
class RankedVersion:
    """The ranks that a version may have, 1 for the best, and its score in its run."""

    name: str
    run_id: str
    role: str
    lowest: int
    highest: int
    value: float | None


@dataclass(frozen=True, slots=True)
class EvaluationRanks:
    """The versions by one metric of an evaluation, the best first.

    Attributes:
        about: "suite" for these cases, "population" for cases like these.
        n_cases: those that every version has; of runs that stopped when they were decided, the fewest of two.
        left_out: versions that can't be ranked with the first, each with the reason.
    """

    id: str
    metric: str
    unit: str | None
    about: str
    n_cases: int
    versions: tuple[RankedVersion, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ranking:
    """All ranks hold at once, with a chance of at least the confidence level."""

    confidence_level: float
    evaluations: tuple[EvaluationRanks, ...]


def rank(store: Store, sides: Mapping[str, Side], evaluations: Collection[str] | None = None) -> Ranking:
    """Rank versions of stored runs by each metric that at least two of them have.

    The cases, the plan and the confidence level are those of the first. Pairs are weighed as a gate would weigh them,
    and tell nothing where a gate would decide nothing.

    Args:
        sides: by what each is called.
        evaluations: ids; None for all.

    Raises:
        SettingsError: no evaluation has two versions that can be ranked.
    """
    confidence_level = next(iter(sides.values())).report.confidence_level
    groups: dict[str, dict[str, Scores]] = {}
    for name, side in sides.items():
        for each in scores_of(store, side, evaluations):
            groups.setdefault(each.id, {})[name] = each
    tables = [
        _Table(group, metric, sides) for group in groups.values() for metric in next(iter(group.values())).metrics
    ]
    ranked = [table for table in tables if len(table.members) > 1]
    if not ranked:
        reasons = dict.fromkeys(f"{name}: {why}" for table in tables for name, why in table.left_out.items())
        raise SettingsError(
            f"No two of {', '.join(sides)} can be ranked ({'; '.join(reasons) or 'they have no scores of it'}). Run "
            "their gates on the same suite, or name others."
        )
    intervals = rank_intervals([table.p_lower(1 - confidence_level) for table in ranked], 1 - confidence_level)
    return Ranking(confidence_level, tuple(map(_Table.ranks, ranked, intervals)))


class _Table:
    """The versions that can be ranked by one metric of an evaluation, and why the others can't."""

    def __init__(self, group: Mapping[str, Scores], metric: str, sides: Mapping[str, Side]) -> None:
        self._metric, first = metric, next(iter(group.values()))
        self._entry = first.entries[metric]
        why = {name: f"no score of it in run {side.weighed.run.run_id}" for name, side in sides.items()}
        why |= {name: _why_apart(each, first, metric) for name, each in group.items()}
        self.left_out = {name: text for name, text in why.items() if text}
        self.members = {name: each for name, each in group.items() if not why[name]}
        self._n_cases = 0

    def p_lower(self, level: float) -> FloatArray:
        """The p-values that `rank_intervals` takes."""
        members, sizes = list(self.members.values()), []
        p_values = np.ones((len(members), len(members)))
        for i, j in itertools.combinations(range(len(members)), 2):
            pair = Pair(members[i], members[j]).observed(self._metric)
            assert pair.baseline is not None
            turned = replace(pair, candidate=pair.baseline, baseline=pair.candidate)
            p_values[i, j], p_values[j, i] = p_lower_of(pair, level), p_lower_of(turned, level)
            sizes.append(len(pair.case_ids))
        self._n_cases = min(sizes)
        return p_values

    def ranks(self, intervals: npt.NDArray[np.intp]) -> EvaluationRanks:
        """The members with their intervals, the best first."""
        entry, versions = self._entry, []
        for (name, each), (lowest, highest) in zip(self.members.items(), intervals.tolist(), strict=True):
            weighed = each.side.weighed
            shown = getattr(each.entries[self._metric], weighed.role)
            versions.append(
                RankedVersion(name, weighed.run.run_id, weighed.role, lowest, highest, shown and float(shown.value))
            )
        sign = -1 if entry.higher_is_better else 1
        versions.sort(key=lambda each: (each.lowest + each.highest, sign * (each.value or 0.0)))
        known = entry.id, self._metric, entry.unit, entry.plan.about, self._n_cases
        return EvaluationRanks(*known, tuple(versions), self.left_out)


def p_lower_of(pair: Observations, level: float) -> float:
    """The p-value of a candidate that is at least as good as the baseline; 1 where they tell nothing."""
    shown = replace(pair, plan=replace(pair.plan, threshold=None)).as_shown()
    asked = () if shown.undecided or not shown.may_decide else questions(shown, (level, level))
    return min((each.p_less for each in asked if each.directions), default=1.0)


def _why_apart(scores: Scores, first: Scores, metric: str) -> str:
    """Say why a version can't be ranked with the first; "" where it can."""
    entry, own, run_id = scores.entries.get(metric), first.entries[metric], scores.side.weighed.run.run_id
    if entry is None or entry.errors:
        return f"run {run_id} ended in an error" if entry else f"no {metric} in run {run_id}"
    if own.plan.aim == "same" or own.plan.in_blocks:
        return "neither way is better" if own.plan.aim == "same" else "blocks of several runs are no pairs"
    if not same_kind(entry, own):
        return f"{kind_and_direction(entry)}; of the first {kind_and_direction(own)}"
    if scores.compared_with != first.compared_with:
        return "its bodies compare with the baseline of their own run"
    fewer, more = sorted((scores, first), key=lambda each: len(each.known))
    if fewer.known - more.known or (more.known != fewer.known and not fewer.is_in_order):
        return "run on other cases than the first"
    contents = {case.id: case.content for case in own.cases}
    if n_changed := sum(contents.get(case.id, case.content) != case.content for case in entry.cases):
        return f"{n_changed:,} of its cases have the ids of other cases of the first"
    return Pair(scores, first).other_orders
