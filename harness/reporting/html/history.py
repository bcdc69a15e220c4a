"""A metric over versions: what earlier runs of the store found in the same evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records import Report
from harness.store import RunInfo, Store

MOST_RUNS = 20
"""The most earlier runs that are read: each report may hold thousands of cases."""


@dataclass(frozen=True, slots=True)
class PastResult:
    """The result of one run for a metric of an evaluation: the candidate's mean with its interval, and the verdict."""

    run_id: str
    created: str
    version: str
    baseline: str | None
    verdict: str
    value: float
    low: float | None
    high: float | None


def history(store: Store, run: RunInfo, report: Report) -> dict[tuple[str, str], tuple[PastResult, ...]]:
    """The newest finished runs before this one, the oldest first, by evaluation and metric.

    A run that measured it in another unit, or weighed another quantile, is left out.
    """
    units = {(entry.id, entry.metric): (entry.unit, entry.statistic) for entry in report.evaluations}
    found: dict[tuple[str, str], list[PastResult]] = {key: [] for key in units}
    for earlier in _before(store.runs(), run):
        document = store.report(earlier.run_id)
        for entry in document["evaluations"] if document else ():
            key = entry["id"], entry["metric"]
            told = entry.get("unit"), entry.get("statistic")
            if key in units and told == units[key] and entry["candidate"] is not None:
                found[key].append(_past(document or {}, entry))
    return {key: tuple(reversed(past)) for key, past in found.items()}


def _before(runs: Sequence[RunInfo], run: RunInfo) -> Iterator[RunInfo]:
    """The finished runs before this one, the newest first."""
    ids = [each.run_id for each in runs]
    end = ids.index(run.run_id) if run.run_id in ids else len(ids)
    finished = [each for each in runs[:end] if each.finished]
    yield from reversed(finished[-MOST_RUNS:])


def _past(document: Mapping[str, Any], entry: Mapping[str, Any]) -> PastResult:
    estimate, baseline = entry["candidate"], document["baseline"]
    return PastResult(
        run_id=document["run_id"],
        created=document["created"],
        version=document["candidate"]["name"],
        baseline=baseline["name"] if baseline and entry["baseline"] is not None else None,
        verdict=entry["verdict"],
        value=estimate["value"],
        low=estimate["low"],
        high=estimate["high"],
    )
