"""Decides whether production has fallen below a level, from the scores of its samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from harness.errors import UsageError
from harness.gate.traffic.scoring import ScoredSample
from harness.records import Plan
from harness.scoring.results import METRIC
from harness.statistics.betting.detection import detect_fall
from harness.statistics.intervals.means import threshold_contrast

_DAY_S = 86_400.0
_LATELY = 7
"""Days of traffic of which half must be measured, as of all."""
_LOWEST = 5
_Observed = list[tuple[float, float]]
"""Times and scores, in the order of time."""


def day_of(time: float) -> str:
    """The day of a time, in UTC."""
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def watch_samples(
    plan: Plan,
    scored: Sequence[ScoredSample],
    confidence_level: float,
    *,
    days: float,
    level: float | None = None,
    reference: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """The report: "unchanged", "changed" or "could not measure", why, and what was seen on each day.

    Args:
        confidence_level: of the bound of the reference's mean.
        days: between false alarms, in the mean, at least.
        level: below which a change is; by default the threshold less the margin.
        reference: times, from and until, whose mean less the margin is the level.

    Raises:
        UsageError: there is no level that a mean could fall below.
    """
    names = sorted({name for each in scored for name in each.scores or ()}) or [METRIC]
    metrics: dict[str, dict[str, Any]] = {}
    for name in names:
        observed = _observed(scored, name)
        own, words = _level(plan, observed, confidence_level, level, reference)
        observed = [each for each in observed if reference is None or each[0] >= reference[1]]
        metrics[name] = {"level": own, "level_is": words, **_watched(observed, own, days * len(names))}
    by_day, alarms = _by_day(scored, names), [each for each in metrics.values() if each["alarm"]]
    parts, began = [*by_day.values()], min((each["began"] for each in alarms), default="")
    is_open = not any(each["observations"] for each in metrics.values()) or any(
        2 * sum(each["unmeasured"] for each in own) > sum(each["samples"] for each in own)
        for own in (parts, parts[-_LATELY:])
    )
    verdict, code = ("changed", 1) if alarms else ("could not measure", 8) if is_open else ("unchanged", 0)
    since = [(min(each.scores.values()), each) for each in scored if each.scores and day_of(each.time) >= began]
    lowest = sorted(since, key=lambda each: (each[0], each[1].time, each[1].id))[:_LOWEST]
    return {
        "schema_version": 1,
        "verdict": verdict,
        "exit_code": code,
        "days_between_false_alarms": days,
        "samples": len(scored),
        "skipped": sum(each.is_skipped for each in scored),
        "unmeasured": sum(each["unmeasured"] for each in parts),
        "metrics": metrics,
        "days": by_day,
        "lowest": [{"id": e.id, "day": day_of(e.time), "score": score, "reason": e.reason} for score, e in lowest],
    }


def _level(
    plan: Plan, observed: _Observed, confidence_level: float, own: float | None, reference: tuple[float, float] | None
) -> tuple[float, str]:
    """The level that the mean is held against, and what it is."""
    words = "--level"
    if reference is not None:
        known = [value for time, value in observed if reference[0] <= time < reference[1]]
        if len(known) < 2:
            raise UsageError(f"--reference has {len(known)} sessions that could be measured: name other days.")
        bound = threshold_contrast(known, 0.0).lower(confidence_level)
        own = bound - plan.margin
        words = f"{bound:.3f}, proven for the reference's mean {np.mean(known):.3f}, less {plan.margin:g}"
    elif own is None and plan.threshold is not None:
        own, words = plan.threshold - plan.margin, f"threshold {plan.threshold:g} less margin {plan.margin:g}"
    if own is None or not 0 < own < 1:
        why = "the evaluation has no threshold" if own is None else f"{own:g} ({words}) is not between 0 and 1"
        raise UsageError(f"There is no level to watch, for {why}: give --level SCORE, or --reference DAY..DAY.")
    return own, words


def _observed(scored: Sequence[ScoredSample], name: str) -> _Observed:
    """The mean of what each session had on each day, at the time of its last sample."""
    groups: dict[tuple[str, str], _Observed] = defaultdict(list)
    for each in scored:
        if each.scores and name in each.scores:
            groups[each.session or f"\0{each.id}", day_of(each.time)].append((each.time, each.scores[name]))
    means = [(*np.max(own, axis=0)[:1], float(np.mean(own, axis=0)[1]), key) for key, own in groups.items()]
    return [(float(time), score) for time, score, _ in sorted(means, key=lambda each: (each[0], each[2]))]


def _watched(observed: _Observed, level: float, limit: float) -> dict[str, Any]:
    """What became of a metric. At stake is the time since the observation before, a day at most."""
    times, scores = np.array(observed, dtype=float).reshape(-1, 2).T
    stakes = np.minimum(np.diff(times, prepend=times[:1]), _DAY_S) / _DAY_S
    evidence, alarm, began = detect_fall(scores, stakes, level, limit)
    days = {name: None if at is None else day_of(times[at]) for name, at in (("alarm", alarm), ("began", began))}
    mean = float(scores.mean()) if observed else None
    return {"observations": len(observed), "mean": mean, "evidence": evidence, "limit": limit, **days}


def _by_day(scored: Sequence[ScoredSample], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[ScoredSample]] = defaultdict(list)
    for each in scored:
        groups[day_of(each.time)].append(each)
    by_day = {}
    for day, own in sorted(groups.items()):
        scores = [each.scores for each in own if each.scores]
        values = {name: [each[name] for each in scores if name in each] for name in names}
        means = {name: float(np.mean(known)) if known else None for name, known in values.items()}
        lost = len(own) - len(scores) - sum(each.is_skipped for each in own)
        by_day[day] = {"samples": len(own), "unmeasured": lost, "means": means}
    return by_day
