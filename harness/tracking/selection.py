"""Chooses the answers of a run that become traces: failures, as far as there is room, and what people are asked about.

The rest is in the table of samples: a trace costs MLflow some 20 ms, a row of the table a few µs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from harness.gate.history.answers import StoredAnswer, answers_of_run
from harness.gate.history.scores import read_table
from harness.records import Role
from harness.review.labels import PersonsLabel, labels_of_run
from harness.statistics.arrays import FloatArray
from harness.store import RunInfo, ScoreSet, Store
from harness.tracking.keys import text

_PASSING = 0.5
"""The least score that is no failure where an evaluation has no threshold."""


class Place(NamedTuple):
    """The place where an answer belongs."""

    evaluation_id: str
    case_id: str
    role: Role
    sample_index: int


@dataclass(frozen=True, slots=True)
class ChosenTraces:
    """The answers to be traced.

    Attributes:
        labels: what people said of each.
        n_left_out: failures for which there was no room.
    """

    answers: tuple[StoredAnswer, ...]
    labels: Mapping[Place, Sequence[PersonsLabel]]
    n_left_out: int


def place_of(answer: StoredAnswer) -> Place:
    """Give the place where an answer belongs."""
    return Place(answer.evaluation_id, answer.case_id, answer.role, answer.sample_index)


def choose_traces(store: Store, run: RunInfo, report: Mapping[str, Any], most: int) -> ChosenTraces:
    """The answers of a run that are worth a trace.

    Args:
        report: of the run, as report.json has it.
        most: of failures, and of review items that nobody has labelled yet; labelled ones are traced in any case.
    """
    labels: dict[Place, list[PersonsLabel]] = {}
    batches = [entry["review"]["batch"] for entry in report["evaluations"] if entry.get("review")]
    for label in labels_of_run(store, run.run_id, batches):
        role: Role = "baseline" if label.part == "baseline" else "candidate"
        place = Place(label.evaluation_id, label.case_id, role, label.sample_index)
        labels.setdefault(place, []).append(label)
    failed = list(dict.fromkeys(_failures(store, run, report)))
    waiting = [place for place in _items(store, run, batches) if place not in labels]
    chosen = dict.fromkeys([*labels, *failed[:most], *waiting[:most]])
    only: dict[str, set[str]] = {}
    for place in chosen:
        only.setdefault(place.evaluation_id, set()).add(place.case_id)
    answers = tuple(answer for answer in answers_of_run(store, run, only) if place_of(answer) in chosen)
    return ChosenTraces(answers, labels, sum(place not in chosen for place in failed))


def _items(store: Store, run: RunInfo, batches: Sequence[str]) -> Iterator[Place]:
    """The answers in the review queue, in the order in which they were drawn."""
    for batch in store.review.batches():
        if batch.run_id == run.run_id or batch.id in batches:
            roles = batch.source.get("roles", ("candidate",))
            for item in store.review.items(batch.id):
                place = int((item.draw or {}).get("version", 0))
                role: Role = "baseline" if roles[place : place + 1] == ["baseline"] else "candidate"
                yield Place(batch.evaluation_id, item.case_id, role, item.answers[0].sample_index)


def _failures(store: Store, run: RunInfo, report: Mapping[str, Any]) -> Iterator[Place]:
    """The candidate's failures, taken from the evaluations in turn: first one of each case, the largest drop first."""
    sets: dict[str, list[ScoreSet]] = {}
    for each in store.score_sets(run.run_id):
        if each.role == "candidate":
            sets.setdefault(text(each.evaluation_id), []).append(each)  # a report has no half characters
    ranked: list[list[Place]] = []
    for entry in report["evaluations"]:
        if own := sets.get(text(entry["id"])):
            names = {text(each.metric): each.metric for each in own}
            table, _ = read_table(store, own)
            found = _ranked(table.of(names.get(entry["metric"], entry["metric"])), table.case_ids, entry)
            ranked.append([Place(own[0].evaluation_id, case_id, "candidate", index) for case_id, index in found])
    if any(entry["errors"] for entry in report["evaluations"] if entry.get("errors")):
        ranked.insert(0, list(_broken(store, run)))
    for places in zip_longest(*ranked):
        yield from (place for place in places if place is not None)


def _broken(store: Store, run: RunInfo) -> Iterator[Place]:
    for row in store.scores(run.run_id):
        if row.outcome == "error" and row.role == "candidate":
            yield Place(row.evaluation_id, row.case_id, "candidate", row.sample_index)


def _ranked(scores: FloatArray, case_ids: Sequence[str], entry: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The failures of one evaluation and metric: below its threshold, or below a half where it has none."""
    limit = entry["threshold"]
    if limit is None:
        limit = None if entry.get("unit") else _PASSING
    if limit is None:
        return []
    sign = 1.0 if entry.get("higher_is_better", True) else -1.0
    rows, columns = np.nonzero(sign * scores < sign * limit)  # a NaN is not below
    drops = dict(_drops(entry["cases"], sign))
    times: Counter[int] = Counter()
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        case_id = case_ids[row]
        found.append((times[row], -drops.get(case_id, 0.0), case_id, column))
        times[row] += 1
    return [(case_id, column) for _, _, case_id, column in sorted(found)]


def _drops(cases: Iterable[Mapping[str, Any]], sign: float) -> Iterator[tuple[str, float]]:
    """Yield how far each case fell, from the baseline or from the best that there is."""
    for case in cases:
        if case["candidate"] is not None:
            best = 1.0 if case["baseline"] is None else case["baseline"]
            yield case["id"], sign * (best - case["candidate"])
