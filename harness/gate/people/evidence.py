"""Retraces how a verdict came about: the evidence after each case or label, from stored scores and labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.decisions import Observations
from harness.decisions.betting import BettingContrast
from harness.decisions.hypotheses import Hypothesis, hypotheses, natural
from harness.decisions.labels.labelled import LabelledCheck
from harness.decisions.suite import TwoStageContrast
from harness.errors import SteelyardError
from harness.gate.history.runs import WeighedVersion, look_of
from harness.gate.history.scores import Scores, Side, observed_again
from harness.gate.people.batches import Attendant
from harness.gate.people.verdicts import LabelResult, come_to
from harness.records import Check, Difference, Report, Role, Verdict
from harness.statistics.intervals.contrasts import Contrast
from harness.store import RunInfo, ScoreSet, Store

_AS_STORED = 1e-9
"""The greatest relative difference between a stored figure and the same one added up in another order."""


@dataclass(frozen=True, slots=True)
class EvidencePath:
    """The evidence of one comparison as it grew, in natural logarithms of e-values.

    Attributes:
        unit: what came one after another: "case" (or a cluster of cases), "sample" of a single case, or "label".
        drawn: how many of them, at each step.
        no_worse: evidence, after each step, that the candidate is no worse by more than the margin.
        worse: evidence that it is worse; it ends where it was settled. Of labels, both are the best so far, and cases
            that nobody was asked about are steps, too.
        no_worse_limit: where the evidence proves it.
        settled_limit: where evidence for worse is settled, whatever else the run finds; `worse_limit` where it counted
            in the end, the run's other comparisons being known. That is never higher.
    """

    against: Literal["threshold", "baseline"]
    unit: Literal["case", "sample", "label"]
    drawn: tuple[int, ...]
    no_worse: tuple[float, ...]
    worse: tuple[float, ...]
    no_worse_limit: float
    settled_limit: float
    worse_limit: float


def evidence_paths(store: Store, run: RunInfo, report: Report) -> dict[tuple[str, str], tuple[EvidencePath, ...]]:
    """The paths of a run's comparisons under a sequential design or by labels, by evaluation and metric.

    A path is left out unless it ends at the stored figures: scores that were removed since, or made by another rule,
    would tell another story than the verdict.
    """
    sets, attendant = _sets(store, run), Attendant(store)
    found: dict[tuple[str, str], tuple[EvidencePath, ...]] = {}
    by_id: dict[str, list[Verdict]] = {}
    for entry in report.evaluations:
        by_id.setdefault(entry.id, []).append(entry)
    for name, entries in by_id.items():
        reviewed = [each for each in entries if each.review is not None]
        found |= {(name, each.metric): _by_labels(store, attendant, each, run, report) for each in reviewed}
        if not all(entry.design == "sequential" and entry.checks and entry.review is None for entry in entries):
            continue
        sides = {
            role: Scores(store, Side(WeighedVersion(run, role), report), own)
            for role, own in sets.get(name, {}).items()
        }
        if "candidate" in sides:
            found |= _of_evaluation(entries, sides, run, report)
    return found


def _by_labels(
    store: Store, attendant: Attendant, entry: Verdict, run: RunInfo, report: Report
) -> tuple[EvidencePath, ...]:
    """The paths of what labels and judge decided; none where labels came in since, or answers are gone."""
    with suppress(SteelyardError):
        now = come_to(store, attendant, entry, run, report)
        given = {check.against: check.difference for check in entry.checks}
        paths = [
            _of_labels(each, now, 1 - report.confidence_level)
            for each in now.outlook.checks
            if each.check.against in given and _are_alike(each.check.difference, given[each.check.against])
        ]
        return tuple(path for path in paths if path is not None)
    return ()


def _of_labels(found: LabelledCheck, now: LabelResult, level: float) -> EvidencePath | None:
    ledger = now.outlook.ledger
    asked = zip(ledger.draws, map(any, ledger.excluded.tolist()), strict=True)
    draws = [(draw, is_excluded) for draw, is_excluded in asked if draw.case is not None]
    if found.contrast is None or found.check.red_level is None or not draws:
        return None
    said = np.cumsum([not (is_excluded or now.subject.is_known(draw)) for draw, is_excluded in draws])
    by_people = said[np.array(found.contrast.ends) - 1]
    no_worse, worse = found.contrast.grown()
    if not by_people[-1] or not np.isfinite([no_worse, worse]).all():
        return None
    limit = -math.log(found.check.red_level)
    return EvidencePath(
        against=found.check.against,
        unit="label",
        drawn=tuple(by_people.tolist()),
        no_worse=tuple(no_worse.tolist()),
        worse=tuple(worse.tolist()),
        no_worse_limit=-math.log(level),
        settled_limit=limit,
        worse_limit=limit,
    )


def _are_alike(ours: Difference, stored: Difference) -> bool:
    """Tell whether a difference is the stored one, but for the order in which it was added up."""
    one, other = ((each.value, each.low, each.high, each.p_value) for each in (ours, stored))
    return bool(np.allclose(one, other, rtol=_AS_STORED, atol=1e-12))


def _sets(store: Store, run: RunInfo) -> dict[str, dict[Role, list[ScoreSet]]]:
    """Give the sets of scores of a run, by evaluation and version."""
    found: dict[str, dict[Role, list[ScoreSet]]] = {}
    for each in store.score_sets(run.run_id):
        found.setdefault(each.evaluation_id, {}).setdefault(each.role, []).append(each)
    return found


def _of_evaluation(
    entries: list[Verdict], sides: Mapping[Role, Scores], run: RunInfo, report: Report
) -> dict[tuple[str, str], tuple[EvidencePath, ...]]:
    look, whole = look_of(run, report, entries[0]), 1 - report.confidence_level
    observed = [_observed(entry, sides) for entry in entries]
    # An equal share for each comparison, as `decided_after` has it: also for one whose scores lie elsewhere.
    n_checks = sum(
        len(entry.checks) * (1 + bool(entry.slices)) + (each.max_lost is not None)
        for entry, each in zip(entries, observed, strict=True)
    )
    level, settling = whole * look.passing, whole * look.red / max(1, n_checks)
    found = {}
    for entry, each in zip(entries, observed, strict=True):
        if not each.scored.any():
            continue
        checks = {check.against: check for check in entry.checks}
        paths = [
            _path(hypothesis, checks[hypothesis.against], (level, settling))
            for hypothesis in hypotheses(each, (level, settling))
            if hypothesis.against in checks
        ]
        found[entry.id, entry.metric] = tuple(path for path in paths if path is not None)
    return found


def _observed(entry: Verdict, sides: Mapping[Role, Scores]) -> Observations:
    """The scores that an evaluation was decided by, as its decision had them."""
    case_ids = tuple(case.id for case in entry.cases)
    is_single = len(frozenset().union(*(scores.known for scores in sides.values()))) == 1
    both = sides["candidate"], sides.get("baseline") if entry.baseline else None
    observed = observed_again(entry, entry.metric, case_ids, both)
    observed = replace(observed, per="case" if is_single else "suite")
    return observed.first(entry.n_samples) if observed.by_samples else observed


def _path(hypothesis: Hypothesis, check: Check, levels: tuple[float, float]) -> EvidencePath | None:
    contrast = hypothesis.contrast
    if contrast is None or not _is_as_stored(contrast, hypothesis.observed, check, levels[0]):
        return None
    if isinstance(contrast, TwoStageContrast):
        if contrast.whole is not None or contrast.early is None or contrast.shares[0] == 0:
            return None  # decided by all of its cases, not by bets on the way
        levels = levels[0] * contrast.shares[0], levels[1] * contrast.shares[1]
        contrast = contrast.early
    if not isinstance(contrast, BettingContrast):
        return None
    settled = -math.log(levels[1])
    return EvidencePath(
        against=check.against,
        unit="sample" if hypothesis.observed.by_samples else "case",
        drawn=contrast.ends,
        no_worse=tuple(contrast.better.log(contrast.allowed).tolist()),
        worse=tuple(contrast.worse.log(-contrast.demanded).tolist()),
        no_worse_limit=-math.log(levels[0]),
        settled_limit=settled,
        worse_limit=settled if not check.red_level else min(settled, -math.log(check.red_level)),
    )


def _is_as_stored(contrast: Contrast, observed: Observations, check: Check, level: float) -> bool:
    """Tell whether the comparison comes to the figures of the report again."""
    lower = contrast.lower(1 - level)
    holds = lower > -observed.margin and contrast.value <= -observed.margin
    lower = lower if holds else min(lower, contrast.value)
    again = natural(contrast, lower, contrast.value, "", higher_is_better=observed.higher_is_better)
    ours = (again.value, again.low if observed.higher_is_better else again.high, again.p_value)
    stored = check.difference
    theirs = (stored.value, stored.low if observed.higher_is_better else stored.high, stored.p_value)
    return bool(np.allclose(ours, theirs, rtol=_AS_STORED, atol=1e-12))
