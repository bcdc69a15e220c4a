"""The cases that moved between two sides: how many, by how much, and what both answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.decisions import Observations
from harness.decisions.observations import has_score
from harness.gate.evaluations.examples import ANSWER_KEPT, Shown, change_of
from harness.gate.evaluations.score_table import names_of
from harness.gate.history.scores import Pair, Scores
from harness.records import Change, ScoreRow
from harness.statistics.arrays import FloatArray, case_means
from harness.store import ScoreSet, Store

_CLEAR = 0.75


@dataclass(frozen=True, slots=True)
class FlipCounts:
    """The numbers of cases that were stable, flaky, improved or worsened.

    Draw one sample of each version: a case has worsened when the candidate's is the worse one at least 3 times in 4 (of
    right and wrong: when its rate fell by half or more), and improved when it is the better one as often.

    Attributes:
        stable: every sample of both versions scored the same.
        flaky: samples differ, and neither version is clearly better.
    """

    stable: int = 0
    flaky: int = 0
    improved: int = 0
    worsened: int = 0

    def __add__(self, other: FlipCounts) -> FlipCounts:
        return FlipCounts(
            self.stable + other.stable,
            self.flaky + other.flaky,
            self.improved + other.improved,
            self.worsened + other.worsened,
        )


def tally(observed: Observations) -> FlipCounts:
    """Count the cases that have scores of both versions."""
    assert observed.baseline is not None
    ours, theirs = _both(observed)
    if not len(ours):
        return FlipCounts()
    better = _share_better(ours, theirs)
    if not observed.higher_is_better:
        better = 1 - better
    every = np.hstack([ours, theirs])
    is_stable = np.nanmax(every, axis=1) == np.nanmin(every, axis=1)
    improved, worsened = better >= _CLEAR, better <= 1 - _CLEAR
    flaky = ~(is_stable | improved | worsened)
    return FlipCounts(*(int(which.sum()) for which in (is_stable, flaky, improved, worsened)))


def _both(observed: Observations) -> tuple[FloatArray, FloatArray]:
    assert observed.baseline is not None
    common = observed.scored & has_score(observed.baseline)
    return observed.candidate[common], observed.baseline[common]


def _share_better(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """The share of pairs of one sample of each in which the first is greater, equal ones counting half; (n_cases,)."""
    wins = np.zeros(len(ours))
    for column in range(ours.shape[1]):
        one = ours[:, column : column + 1]
        wins += (one > theirs).sum(axis=1) + 0.5 * (one == theirs).sum(axis=1)
    n_pairs = (~np.isnan(ours)).sum(axis=1) * (~np.isnan(theirs)).sum(axis=1)
    share: FloatArray = wins / n_pairs
    return share


@dataclass(frozen=True, slots=True)
class _MovedCase:
    """A case whose mean moved. `size` is in [0, 1]: of scores their difference, of measures its share of the larger."""

    size: float
    is_gain: bool
    place: tuple[int, int]
    candidate: float
    baseline: float


def most_changed(store: Store, found: Sequence[tuple[Observations, Pair]], most: int) -> tuple[int, tuple[Change, ...]]:
    """Count the cases that moved, and give those that moved most with an answer of each version: drops, then gains.

    Of a drop the candidate's worst and the baseline's best answer is given, of a gain the other way round.
    """
    n_moved = 0
    moved: list[_MovedCase] = []
    for number, (observed, _) in enumerate(found):
        count, largest = _largest(observed, number, most)
        n_moved += count
        moved += largest
    chosen = sorted(moved, key=lambda each: (-each.size, each.is_gain, each.place))[:most]
    chosen.sort(key=lambda each: (each.is_gain, -each.size, each.place))
    shown = {each.place: each for each in chosen}
    changes: dict[tuple[int, int], Change] = {}
    for number, (observed, pair) in enumerate(found):
        own = {row: each for (of, row), each in shown.items() if of == number}
        if own:
            changes |= {(number, row): change for row, change in _changes(store, observed, pair, own).items()}
    return n_moved, tuple(changes[each.place] for each in chosen)


def _largest(observed: Observations, number: int, most: int) -> tuple[int, list[_MovedCase]]:
    """Count the cases of an evaluation that moved, and give those that moved most."""
    assert observed.baseline is not None
    ours, theirs = case_means(observed.candidate), case_means(observed.baseline)
    moves = ours - theirs
    sizes = np.abs(moves)
    if not observed.bounded:
        sizes = sizes / np.maximum(np.abs(ours), np.abs(theirs))
    gains = moves > 0 if observed.higher_is_better else moves < 0
    rows = np.flatnonzero(np.abs(moves) > 0)
    ranked = rows[np.lexsort((gains[rows], -sizes[rows]))][:most]
    return len(rows), [
        _MovedCase(float(sizes[row]), bool(gains[row]), (number, row), float(ours[row]), float(theirs[row]))
        for row in ranked.tolist()
    ]


def _changes(store: Store, observed: Observations, pair: Pair, moved: Mapping[int, _MovedCase]) -> dict[int, Change]:
    """The cases of one metric that moved, each with its answers; by row."""
    assert observed.baseline is not None
    ids = {observed.case_ids[row]: each.is_gain for row, each in moved.items()}
    ours = _examples(store, pair.candidate, observed, ids)
    theirs = _examples(store, pair.baseline, observed, {case: not is_gain for case, is_gain in ids.items()})
    changes = {}
    for row, each in moved.items():
        case = observed.case_ids[row]
        shown = ours.get(case, (None, None)), theirs.get(case, (None, None))
        changes[row] = change_of(observed, row, (each.candidate, each.baseline), shown)
    return changes


def _examples(store: Store, scores: Scores, observed: Observations, best_first: Mapping[str, bool]) -> dict[str, Shown]:
    weighed = scores.side.weighed
    if weighed.recorded_run is not None:
        return recorded_examples(store, weighed.recorded_run, weighed.first_index, observed, best_first)
    return _examples_of(store, scores.sets, weighed.first_index, observed, best_first)


def recorded_examples(
    store: Store, run_id: str, first_index: int, observed: Observations, best_first: Mapping[str, bool]
) -> dict[str, Shown]:
    """Answers of the run whose candidate was recorded, as `Change` shows them; none where the store does not have it.

    Args:
        first_index: the index of the stored sample that its sample 0 is.
        best_first: the cases, each with whether the best answer is wanted, or the worst.
    """
    own = [each for each in store.score_sets(run_id) if (each.evaluation_id, each.role) == (observed.id, "candidate")]
    return _examples_of(store, {each.metric: each for each in own}, first_index, observed, best_first)


def _examples_of(
    store: Store, sets: Mapping[str, ScoreSet], first_index: int, observed: Observations, best_first: Mapping[str, bool]
) -> dict[str, Shown]:
    """Answer and reason of one sample of each case: the best one, or the worst; the first of equal ones.

    Args:
        sets: of one version in one evaluation, by metric.
        first_index: the index of the stored sample that its sample 0 is.
        best_first: the cases, each with whether the best is wanted.
    """
    found = [sets[name] for name in names_of(observed.metric) if name in sets]
    rows = [row for each in found for row in store.scores_of(each, best_first)]
    sign = 1.0 if observed.higher_is_better else -1.0

    def rank(row: ScoreRow) -> tuple[float, int]:
        value = sign * (row.value or 0.0)
        return -value if best_first[row.case_id] else value, row.sample_index

    shown: dict[str, ScoreRow] = {}
    for row in sorted((row for row in rows if row.value is not None), key=rank):
        shown.setdefault(row.case_id, row)
    samples = store.find(row.sample_key for row in shown.values() if row.sample_key is not None)
    answers = {}
    for case, row in shown.items():
        drawn = samples.get(row.sample_key or b"", {}).get(first_index + row.sample_index)
        answer = None if drawn is None else drawn.said[:ANSWER_KEPT]
        answers[case] = answer, None if row.reason is None else row.reason[:ANSWER_KEPT]
    return answers
