"""Preferences of stored runs, from which several versions get a rank."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import SettingsError
from harness.records import ScoringRule
from harness.scoring.results import METRIC
from harness.statistics.arrays import FloatArray, IntArray
from harness.store import RunInfo, ScoreSet, Store


@dataclass(frozen=True, slots=True, eq=False)
class Preferences:
    """Comparisons of versions row by row, as `harness.statistics.bradley_terry_rows` takes them.

    Attributes:
        names: of the versions, in the order of their numbers.
        first, second: (n,) numbers of the versions that were compared.
        outcomes: (n,) 1 where the first was preferred, 0 where the second, 0.5 for a tie.
        clusters: (n,) the case, whose comparisons depend on each other.
    """

    names: tuple[str, ...]
    first: IntArray
    second: IntArray
    outcomes: FloatArray
    clusters: tuple[str, ...]


def stored_preferences(
    store: Store, evaluation_id: str, *, metric: str = METRIC, runs: Collection[str] | None = None
) -> Preferences:
    """Collect what an evaluation whose body compares candidate and baseline has found in the runs of a store.

    Of the runs that compared the same two versions, whichever was the candidate, the newest counts: they share their
    samples.

    >>> # found = stored_preferences(store, "suites/evaluation/test_summaries.py::test_preferred")
    >>> # bradley_terry_rows(found.first, found.second, found.outcomes, found.clusters).strengths

    Args:
        evaluation_id: as in report.json.
        metric: of the evaluation.
        runs: ids of the runs to look at; None for all that came to their end.

    Raises:
        SettingsError: no run has such preferences, or they were judged by different judges or rubrics.
    """
    chosen: dict[frozenset[str], tuple[RunInfo, ScoreSet]] = {}
    for run in reversed(store.runs()):
        compared = _compared(run)
        if compared is None or not run.finished or (runs is not None and run.run_id not in runs):
            continue
        found = _preferences(store.score_sets(run.run_id), evaluation_id, metric)
        if found is not None and compared not in chosen:
            chosen[compared] = run, found
    if not chosen:
        raise SettingsError(
            f"No finished run has preferences of {evaluation_id!r} ({metric}): it must take `baseline` and be run with "
            "--baseline, for two versions that differ."
        )
    _check_judges(store, chosen.values())
    return _rows(store, list(chosen.values())[::-1])


def _compared(run: RunInfo) -> frozenset[str] | None:
    """The fingerprints of the two versions that a run compared; None where there were not two."""
    versions = [run.spec.get(role) for role in ("candidate", "baseline")]
    fingerprints = frozenset(version["fingerprint"] for version in versions if version)
    return fingerprints if len(fingerprints) == 2 else None


def _preferences(sets: Iterable[ScoreSet], evaluation_id: str, metric: str) -> ScoreSet | None:
    """The set of scores that are preferences: of an evaluation that was not run for the baseline by itself."""
    own = [each for each in sets if each.evaluation_id == evaluation_id]
    if any(each.role == "baseline" for each in own):
        return None
    return next((each for each in own if each.metric == metric), None)


def _check_judges(store: Store, chosen: Iterable[tuple[RunInfo, ScoreSet]]) -> None:
    by: dict[frozenset[ScoringRule], str] = {}
    for run, found in chosen:
        by.setdefault(store.judged_by([found]), run.run_id)
    if len(by) > 1:
        raise SettingsError(
            f"The preferences come from different judges or rubrics, as those of the runs {', '.join(by.values())}: "
            "name with `runs` those that one judge gave."
        )


def _rows(store: Store, chosen: Sequence[tuple[RunInfo, ScoreSet]]) -> Preferences:
    names: dict[str, str] = {}
    numbers: list[tuple[int, int]] = []
    outcomes: list[float] = []
    clusters: list[str] = []
    for run, found in chosen:
        pair = [run.spec[role] for role in ("candidate", "baseline")]
        names.update({version["fingerprint"]: version["name"] for version in pair})
        first, second = (list(names).index(version["fingerprint"]) for version in pair)
        array = store.score_array(found)
        order = sorted(range(len(array.case_ids)), key=array.case_ids.__getitem__)
        for row in order:
            given = [value for value in array.values[row].tolist() if not np.isnan(value)]
            outcomes += given
            numbers += [(first, second)] * len(given)
            clusters += [array.case_ids[row]] * len(given)
    columns = np.array(numbers, dtype=np.int64).reshape(-1, 2)
    return Preferences(tuple(names.values()), columns[:, 0], columns[:, 1], np.array(outcomes), tuple(clusters))
