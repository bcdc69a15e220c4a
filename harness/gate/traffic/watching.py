"""Decides whether production has fallen below a level, from the scores of its samples."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from harness.errors import UsageError
from harness.gate.traffic.scoring import ScoredSample
from harness.records import Plan
from harness.statistics.betting.detection import detect_fall
from harness.statistics.intervals.means import threshold_contrast

_DAY_S = 86_400.0
_LATELY = 7
"""Days of traffic of which half must be measured, as of all."""
_EXAMPLES = 5


class WatchOptions(NamedTuple):
    """The level, or the days from whose mean it comes (the first and the one after the last); days between alarms."""

    level: float | None
    reference: tuple[float, float] | None
    days: float
    confidence_level: float


def day_of(time: float) -> str:
    """The day of a time, in UTC."""
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def watch_samples(plan: Plan, scored: Sequence[ScoredSample], options: WatchOptions) -> dict[str, Any]:
    """The report on samples that have a time: "unchanged", "changed" or "could not measure", why, and by day.

    Raises:
        UsageError: there is no level that a mean could fall below.
    """
    names, mirrored = sorted({name for each in scored for name in each.scores or ()}) or ["score"], plan.aim == "lower"
    start = options.reference[1] if options.reference else 0.0
    metrics: dict[str, dict[str, Any]] = {}
    for name in names:
        observed = _observed(scored, name, mirrored=mirrored)
        level, words = _level(plan, [each for each in observed if each[0] < start], options)
        if not 0 < level < 1:
            raise UsageError(f"No mean can fall below the level {level:g} ({words}); give another with --level.")
        watched = [each for each in observed if each[0] >= start]
        metrics[name] = {"level": level, "level_is": words, **_watched(watched, level, options.days * len(names))}
    alarms = [each for each in metrics.values() if each["alarm"]]
    by_day, began = _by_day(scored, names), min((each["began"] for each in alarms), default="")
    is_open = any(2 * sum(each["unmeasured"] for each in days) > sum(each["samples"] for each in days)
                  for days in ([*by_day.values()], [*by_day.values()][-_LATELY:]))  # fmt: skip
    is_open = is_open or not any(each["observations"] for each in metrics.values())
    verdict, code = ("changed", 1) if alarms else ("could not measure", 8) if is_open else ("unchanged", 0)
    since = [each for each in scored if each.scores is not None and day_of(each.time) >= began]
    lowest = sorted(since, key=lambda each: (_mean(each) * (-1 if mirrored else 1), each.time, each.id))[:_EXAMPLES]
    return {
        "schema_version": 1,
        "verdict": verdict,
        "exit_code": code,
        "days_between_false_alarms": options.days,
        "samples": len(scored),
        "skipped": sum(each.skipped for each in scored),
        "unmeasured": sum(each["unmeasured"] for each in by_day.values()),
        "metrics": metrics,
        "days": by_day,
        "lowest": [{"id": e.id, "day": day_of(e.time), "score": _mean(e), "reason": e.reason} for e in lowest],
    }


def _value(sample: ScoredSample, name: str) -> float:
    return 0.0 if sample.failed else (sample.scores or {}).get(name, 0.0)


def _mean(sample: ScoredSample) -> float:
    values = [*(sample.scores or {}).values()]
    return 0.0 if sample.failed or not values else sum(values) / len(values)


def _observed(scored: Iterable[ScoredSample], name: str, *, mirrored: bool) -> list[tuple[float, float]]:
    """The mean of what each session had on each day, with the time of its last sample, in the order of time."""
    groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for each in scored:
        if each.scores is not None:
            value = _value(each, name)
            groups[each.session or f"\0{each.id}", day_of(each.time)].append((each.time, 1 - value if mirrored else value))
    means = ((max(times), sum(values) / len(values), key) for key, own in groups.items() for times, values in [zip(*own, strict=True)])
    return [(time, value) for time, value, _ in sorted(means, key=lambda each: (each[0], each[2]))]


def _level(plan: Plan, reference: Sequence[tuple[float, float]], options: WatchOptions) -> tuple[float, str]:
    """The level that the mean is held against, and what it is."""
    if options.level is not None:
        return (1 - options.level if plan.aim == "lower" else options.level), "--level"
    if options.reference is None:
        if plan.threshold is None:
            raise UsageError("There is nothing to fall below: the evaluation has no threshold. Give --level SCORE, or "
                             "--reference DAY..DAY, days on which all was well.")  # fmt: skip
        own = 1 - plan.threshold if plan.aim == "lower" else plan.threshold
        return own - plan.margin, f"threshold {plan.threshold:g}, margin {plan.margin:g}"
    values = [value for time, value in reference if time >= options.reference[0]]
    if len(values) < 2:
        raise UsageError(f"--reference has {len(values)} sessions that could be measured; give days with more.")
    bound = threshold_contrast(values, 0.0).lower(options.confidence_level)
    words = f"{np.mean(values):.3f} on the days of reference, {bound:.3f} at least, margin {plan.margin:g}"
    return bound - plan.margin, words


def _watched(observed: Sequence[tuple[float, float]], level: float, limit: float) -> dict[str, Any]:
    """What became of a metric. At stake is the time since the observation before, a day at most, on which none came."""
    times, scores = np.array(observed, dtype=float).reshape(-1, 2).T
    stakes = np.minimum(np.diff(times, prepend=times[:1]), _DAY_S) / _DAY_S
    evidence, alarm, began = detect_fall(scores, stakes, level, limit)
    known = {"observations": len(observed), "mean": float(scores.mean()) if len(observed) else None, "limit": limit}
    days = {name: None if place is None else day_of(times[place]) for name, place in (("alarm", alarm), ("began", began))}
    return {**known, "evidence": evidence, **days}


def _by_day(scored: Iterable[ScoredSample], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    days: dict[str, list[ScoredSample]] = defaultdict(list)
    for each in scored:
        days[day_of(each.time)].append(each)
    known = {}
    for day, own in sorted(days.items()):
        measured = [each for each in own if each.scores is not None]
        lost = len(own) - len(measured) - sum(each.skipped for each in own)
        means = {name: float(np.mean([_value(each, name) for each in measured])) if measured else None for name in names}
        known[day] = {"samples": len(own), "unmeasured": lost, **means}
    return known
