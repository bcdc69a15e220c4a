"""The agreement of reviewers with each other, and of a judge with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from harness.records.review import BAD, PREFERENCE_SCORES, Event, Form, Item, Standing
from harness.statistics.agreement import Agreement, krippendorff_alpha
from harness.statistics.arrays import FloatArray
from harness.statistics.intervals.proportions import wilson_interval
from harness.store.review.events import labels_in_force

_CLOSE = 1e-6
_PAIR = ((0.0, "baseline better"), (0.5, "tie"), (1.0, "candidate better"))


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Krippendorff's alpha (ordinal), or the problem for which there is none."""

    estimate: Agreement | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LabelShare:
    """A share with its interval (Wilson), of `n` items; items count with the inverse of the chance to be drawn."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item on which people and the judge stand at different points, which are places in `JudgeMatrix.points`."""

    item_id: str
    case_id: str
    people: int
    judge: int
    judge_score: float


@dataclass(frozen=True, slots=True)
class JudgeMatrix:
    """The counts of items by the points of the scale at which people and the judge stand.

    Attributes:
        points: the names of the points, the lowest score first; values that count for the same are one point.
        counts: of the labelled items, by the people's point and then by the judge's.
        n_between: scores of the judge between two points, such as means of a panel; they stand at the nearer one, at
            the lower one where both are as near.
        n_same: items at the same point; `exact` is their share, each item weighted by its probability.
        ordinal: how far the points agree beyond chance, by their ranks.
        differing: the items at different points, the farthest apart first.
    """

    points: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    n_items: int
    n_between: int
    n_same: int
    exact: LabelShare
    ordinal: Coefficient
    differing: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class QuestionAgreement:
    """The answers to a question that decides nothing: how many there are of each, and how far reviewers agree."""

    title: str
    counts: Mapping[str, int]
    people: Coefficient


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """Agreement in a batch.

    Attributes:
        n_overlapping: items that two reviewers or more have labelled.
        n_differing: items among these whose labels do not all count for the same.
        people: how far the reviewers agree on them, by the question that decides.
        judge: the judge against the labels that count; None where no item with a judge's score has one.
        n_bad: labels by which both answers of a pair are bad: they are ties.
        questions: the form's other questions.
    """

    batch_id: str
    n_items: int
    n_overlapping: int
    n_differing: int
    people: Coefficient
    judge: JudgeMatrix | None
    n_bad: int = 0
    questions: tuple[QuestionAgreement, ...] = ()


def agreement_of(
    batch_id: str,
    form: Form,
    items: Sequence[Item],
    events: Sequence[Event],
    standings: dict[str, Standing],
    confidence_level: float = 0.95,
) -> AgreementReport:
    """Measure the agreement in a batch. Adjudications are no votes, but the judge is held against them."""
    labels = labels_in_force(events)
    ranks: Mapping[Any, float] = PREFERENCE_SCORES
    if not form.is_pair:
        ranks = {choice.value: at for at, choice in enumerate(form.choices)}
    ratings = _ratings((each.reviewer, each.item_id, ranks[each.value]) for each in labels if each.value in ranks)
    questions = []
    for question in form.questions:
        answers = [(each, str(each.details.get("answers", {}).get(question.title))) for each in labels]
        places = [
            (each.reviewer, each.item_id, question.choices.index(a)) for each, a in answers if a in question.choices
        ]
        counts = Counter(question.choices[place] for *_, place in places)
        alpha = _alpha(_ratings(places), confidence_level)
        questions.append(QuestionAgreement(question.title, {each: counts[each] for each in question.choices}, alpha))
    return AgreementReport(
        batch_id=batch_id,
        n_items=len(items),
        n_overlapping=ratings.shape[1],
        n_differing=int((np.nanmax(ratings, axis=0) > np.nanmin(ratings, axis=0)).sum()) if ratings.size else 0,
        people=_alpha(ratings, confidence_level),
        judge=judge_matrix(form, items, standings, confidence_level),
        n_bad=sum(each.value == BAD for each in labels),
        questions=tuple(questions),
    )


def _ratings(labels: Iterable[tuple[str, str, float]]) -> FloatArray:
    """The ratings of items that several reviewers rated, (n_reviewers, n_items), NaN where one did not."""
    by_item: dict[str, dict[str, float]] = {}
    for reviewer, item_id, rank in labels:
        by_item.setdefault(item_id, {})[reviewer] = rank
    shared = [ranks for ranks in by_item.values() if len(ranks) > 1]
    names = sorted({name for ranks in shared for name in ranks})
    table = np.array([[ranks.get(name, np.nan) for ranks in shared] for name in names], dtype=np.float64)
    return table.reshape(len(names), len(shared))


def judge_matrix(
    form: Form, items: Sequence[Item], standings: dict[str, Standing], confidence_level: float = 0.95
) -> JudgeMatrix | None:
    """People and judge on the form's scale; None where no item with a judge's score has a label that counts.

    References:
        K. Krippendorff (2011), Computing Krippendorff's alpha-reliability, for the ordinal metric.
    """
    names: dict[float, list[str]] = {}
    scored = [(choice.score, str(choice.value)) for choice in form.choices if choice.score is not None]
    for score, name in [*(_PAIR if form.is_pair else ()), *scored]:
        names.setdefault(score, []).append(name)
    scores = sorted(names)
    weights, points, differing, n_between = [], [], [], 0
    for item in items if scores else ():
        label, judged = standings[item.id].score, item.judge_score
        if label is None or judged is None:
            continue
        people, judge = _nearest(scores, label), _nearest(scores, judged)
        n_between += abs(scores[judge] - judged) > _CLOSE
        points.append((people, judge))
        weights.append(1 / item.probability)
        if people != judge:
            differing.append(Disagreement(item.id, item.case_id, people, judge, judged))
    if not points:
        return None
    table = np.zeros((len(scores), len(scores)), dtype=np.int64)
    np.add.at(table, tuple(np.array(points).T), 1)
    same = np.array([people == judge for people, judge in points])
    return JudgeMatrix(
        points=tuple(" or ".join(names[score]) for score in scores),
        counts=tuple(tuple(row) for row in table.tolist()),
        n_items=len(points),
        n_between=n_between,
        n_same=int(same.sum()),
        exact=_share(same, np.array(weights), confidence_level),
        ordinal=_alpha(np.array(points, dtype=np.float64).T, confidence_level),
        differing=tuple(sorted(differing, key=lambda each: -abs(scores[each.people] - scores[each.judge]))),
    )


def _nearest(scores: Sequence[float], score: float) -> int:
    """The place of the nearest point.

    >>> _nearest((0.0, 0.5, 1.0), 0.75), _nearest((0.0, 0.5, 1.0), 0.76)
    (1, 2)
    """
    return sum(score > (low + high) / 2 + _CLOSE for low, high in pairwise(scores))


def _alpha(table: FloatArray, confidence_level: float) -> Coefficient:
    """Of (n_raters, n_items); where there is too little to go by, the problem."""
    try:
        return Coefficient(krippendorff_alpha(table, confidence_level))
    except ValueError as error:
        return Coefficient(None, str(error))


def _share(hits: np.ndarray, weights: FloatArray, confidence_level: float) -> LabelShare:
    """The share of hits, (n,), each with its weight; n is 1 or more.

    Wilson's interval is that of so many items as the weights are worth, (sum w)² / sum w²: L. Kish (1965), Survey
    Sampling.
    """
    value = float(weights[hits].sum() / weights.sum())
    worth = float(weights.sum() ** 2 / (weights**2).sum())
    interval = wilson_interval(value * worth, worth, confidence_level)
    return LabelShare(value, interval.low, interval.high, len(hits))
