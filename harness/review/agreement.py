"""The agreement of reviewers with each other, and of a judge with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.records.review import FIRST, SECOND, TIE, Event, Form, Item, Standing, Value
from harness.statistics.agreement import Agreement, krippendorff_alpha
from harness.statistics.arrays import FloatArray
from harness.statistics.intervals.proportions import wilson_interval
from harness.store.review.events import labels_in_force

_CLOSE = 1e-6
_PAIR = ((0.0, "baseline better"), (0.5, "neither"), (1.0, "candidate better"))
_PREFERENCES: tuple[Value, ...] = (SECOND, TIE, FIRST)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Krippendorff's alpha (ordinal), or why there is none.

    Attributes:
        found: value, interval and method; None where it can't be told.
        problem: why, in words; None where it can.
    """

    found: Agreement | None
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
    """An item on which people and the judge stand at different points.

    Attributes:
        people, judge: the points, as places in `JudgeMatrix.points`.
        judge_score: as the judge gave it, in [0, 1].
    """

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
        ordinal: how far the points agree beyond chance, by their ranks: Krippendorff's alpha of the labelled items.
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
class AgreementReport:
    """Agreement in a batch.

    Attributes:
        n_overlapping: items that two reviewers or more have labelled.
        n_differing: items among these whose labels are not all the same.
        people: how far the reviewers agree on them.
        judge: the judge against the labels that count; None where no item with a judge's score has one.
    """

    batch_id: str
    n_items: int
    n_overlapping: int
    n_differing: int
    people: Coefficient
    judge: JudgeMatrix | None


def agreement_of(
    batch_id: str,
    form: Form,
    items: Sequence[Item],
    events: Sequence[Event],
    standings: dict[str, Standing],
    confidence_level: float = 0.95,
) -> AgreementReport:
    """The agreement of a batch: adjudications are no votes, but settle what the judge is held against."""
    values = _PREFERENCES if form.is_pair else tuple(choice.value for choice in form.choices)
    given: dict[str, dict[str, int]] = {}
    for event in labels_in_force(events):
        if event.value in values:
            given.setdefault(event.item_id, {})[event.reviewer] = values.index(event.value)
    overlapping = [labels for labels in given.values() if len(labels) > 1]
    names = sorted({name for labels in overlapping for name in labels})
    table = np.array([[labels.get(name, np.nan) for labels in overlapping] for name in names], dtype=np.float64)
    return AgreementReport(
        batch_id=batch_id,
        n_items=len(items),
        n_overlapping=len(overlapping),
        n_differing=sum(len(set(labels.values())) > 1 for labels in overlapping),
        people=_alpha(table.reshape(len(names), len(overlapping)), confidence_level),
        judge=judge_matrix(form, items, standings, confidence_level),
    )


def judge_matrix(
    form: Form, items: Sequence[Item], standings: dict[str, Standing], confidence_level: float = 0.95
) -> JudgeMatrix | None:
    """People and judge on the form's scale; None where no item with a judge's score has a label that counts.

    References:
        K. Krippendorff (2011), Computing Krippendorff's alpha-reliability, for the ordinal metric.
    """
    named: dict[float, list[str]] = {}
    scored = [(choice.score, str(choice.value)) for choice in form.choices if choice.score is not None]
    for score, name in [*(_PAIR if form.is_pair else ()), *scored]:
        named.setdefault(score, []).append(name)
    scores = sorted(named)
    weights, both, found = [], [], []
    n_between = 0
    for item in items if scores else ():
        said, judged = standings[item.id].score, item.judge_score
        if said is None or judged is None:
            continue
        people, judge = _nearest(scores, said), _nearest(scores, judged)
        n_between += abs(scores[judge] - judged) > _CLOSE
        both.append((people, judge))
        weights.append(1 / item.probability)
        if people != judge:
            found.append(Disagreement(item.id, item.case_id, people, judge, judged))
    if not both:
        return None
    table = np.zeros((len(scores), len(scores)), dtype=np.int64)
    np.add.at(table, tuple(np.array(both).T), 1)
    same = np.array([people == judge for people, judge in both])
    return JudgeMatrix(
        points=tuple(" or ".join(named[score]) for score in scores),
        counts=tuple(tuple(row) for row in table.tolist()),
        n_items=len(both),
        n_between=n_between,
        n_same=int(same.sum()),
        exact=_share(same, np.array(weights), confidence_level),
        ordinal=_alpha(np.array(both, dtype=np.float64).T, confidence_level),
        differing=tuple(sorted(found, key=lambda each: -abs(scores[each.people] - scores[each.judge]))),
    )


def _nearest(scores: Sequence[float], score: float) -> int:
    """The place of the nearest point.

    >>> _nearest((0.0, 0.5, 1.0), 0.75), _nearest((0.0, 0.5, 1.0), 0.76)
    (1, 2)
    """
    return sum(score > (low + high) / 2 + _CLOSE for low, high in pairwise(scores))


def _alpha(table: FloatArray, confidence_level: float) -> Coefficient:
    """Of (n_raters, n_items); where there is too little to go by, what `harness.statistics` says of it."""
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
