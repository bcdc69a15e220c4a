"""The cases that moved between two sides: how many, by how much, and what both answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.decisions import Observations
from harness.decisions.observations import has_score
from harness.gate.evaluations.examples import ANSWER_KEPT, Shown, change_of
from harness.gate.evaluations.score_table import names_of
from harness.gate.history.runs import AnswerSource
from harness.gate.history.scores import Pair
from harness.records import Change, ScoreRow
from harness.statistics.arrays import case_means
from harness.store import Store

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


def tally(observed: Iterable[Observations]) -> FlipCounts:
    """Count the cases that have scores of both versions, over all metrics."""
    counts = np.zeros(4, dtype=int)
    for each in observed:
        assert each.baseline is not None
        common = each.scored & has_score(each.baseline)
        if not common.any():
            continue
        ours, theirs = each.candidate[common], each.baseline[common]
        wins = sum(((one > theirs) + 0.5 * (one == theirs)).sum(axis=1) for one in ours.T[:, :, np.newaxis])
        better = wins / ((~np.isnan(ours)).sum(axis=1) * (~np.isnan(theirs)).sum(axis=1))
        if not each.higher_is_better:
            better = 1 - better
        every = np.hstack([ours, theirs])
        is_stable = np.nanmax(every, axis=1) == np.nanmin(every, axis=1)
        improved, worsened = better >= _CLEAR, better <= 1 - _CLEAR
        counts += [which.sum() for which in (is_stable, ~(is_stable | improved | worsened), improved, worsened)]
    return FlipCounts(*counts.tolist())


def most_changed(store: Store, found: Sequence[tuple[Observations, Pair]], most: int) -> tuple[int, tuple[Change, ...]]:
    """Count the cases that moved, and give those that moved most with an answer of each version: drops, then gains.

    Scores are ranked by how far their mean moved, measures by the share of the larger one. Of a drop the candidate's
    worst and the baseline's best answer is given, of a gain the other way round.
    """
    moved: list[tuple[float, bool, int, int]] = []  # by how much, whether it is a gain, of which metric, in which row
    means = [(case_means(each.candidate), case_means(each.baseline)) for each, _ in found if each.baseline is not None]
    for number, ((observed, _), (ours, theirs)) in enumerate(zip(found, means, strict=True)):
        moves = ours - theirs if observed.higher_is_better else theirs - ours
        rows = np.flatnonzero(np.abs(moves) > 0)
        scale = 1.0 if observed.bounded else np.maximum(np.abs(ours), np.abs(theirs))
        sizes = np.abs(moves / scale)[rows].tolist()
        moved += zip(sizes, (moves[rows] > 0).tolist(), [number] * len(rows), rows.tolist(), strict=True)
    moved.sort(key=lambda each: (-each[0], *each[1:]))
    chosen = sorted(moved[:most], key=lambda each: (each[1], -each[0], *each[2:]))
    wanted: dict[int, dict[int, bool]] = defaultdict(dict)
    for _, is_gain, number, row in chosen:
        wanted[number][row] = is_gain
    changes = {}
    for number, gains in wanted.items():
        observed, pair = found[number]
        ids = {observed.case_ids[row]: is_gain for row, is_gain in gains.items()}
        shown = (
            examples(store, pair.candidate.side.weighed.source, observed, ids),
            examples(store, pair.baseline.side.weighed.source, observed, {case: not ids[case] for case in ids}),
        )
        for row in gains:
            case, (ours, theirs) = observed.case_ids[row], means[number]
            one, other = (each.get(case, (None, None)) for each in shown)
            changes[number, row] = change_of(observed, row, (float(ours[row]), float(theirs[row])), (one, other))
    return len(moved), tuple(changes[number, row] for _, _, number, row in chosen)


def examples(
    store: Store, source: AnswerSource, observed: Observations, best_first: Mapping[str, bool]
) -> dict[str, Shown]:
    """Answer and reason of one sample of each case, as `Change` shows them: the best one, or the worst; the first of
    equal ones.

    Args:
        source: of the answers.
        best_first: the cases, each with whether the best answer is wanted.
    """
    wanted = {(observed.id, source.role, name) for name in names_of(observed.metric)}
    sets = [each for each in store.score_sets(source.run_id) if (each.evaluation_id, each.role, each.metric) in wanted]
    rows = [row for each in sets for row in store.scores_of(each, best_first)]
    sign = 1.0 if observed.higher_is_better else -1.0

    def rank(row: ScoreRow) -> tuple[float, int]:
        value = sign * (row.value or 0.0)
        return -value if best_first[row.case_id] else value, row.sample_index

    chosen: dict[str, ScoreRow] = {}
    for row in sorted((row for row in rows if row.value is not None), key=rank):
        chosen.setdefault(row.case_id, row)
    samples = store.find(row.sample_key for row in chosen.values() if row.sample_key is not None)
    answers = {}
    for case, row in chosen.items():
        drawn = samples.get(row.sample_key or b"", {}).get(source.first_index + row.sample_index)
        answer = None if drawn is None else drawn.said[:ANSWER_KEPT]
        answers[case] = answer, None if row.reason is None else row.reason[:ANSWER_KEPT]
    return answers
