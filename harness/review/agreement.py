"""The agreement of reviewers with each other, and of a judge with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.records.review import FIRST, SECOND, TIE, Event, Form, Item, Standing, Value
from harness.review.judged import Coefficient, JudgeMatrix, LabelShare, judge_matrix, rate, said_by_both, told
from harness.statistics import Agreement, cohen_kappa, fleiss_kappa, krippendorff_alpha
from harness.statistics.arrays import FloatArray
from harness.store.review.events import labels_in_force

CUT = 0.5
"""From which score on an answer counts as right."""

_MOST_PAIRS = 20
_PREFERENCES: tuple[Value, ...] = (SECOND, TIE, FIRST)


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """A judge against the labels that count.

    Attributes:
        right_right, right_wrong, wrong_right, wrong_wrong: items by what people say, then by what the judge says. Of a
            pair, "right" is that the candidate's answer is the better one.
        n_ties: pairs that people or the judge call a tie, which are in none of these.
        sensitivity: share of what people call right that the judge calls right; None where people call nothing right.
        specificity: share of what people call wrong that the judge calls wrong, or None.
    """

    right_right: int
    right_wrong: int
    wrong_right: int
    wrong_wrong: int
    n_ties: int
    sensitivity: LabelShare | None
    specificity: LabelShare | None


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """Agreement in a batch.

    Attributes:
        n_overlapping: items that two reviewers or more have labelled.
        n_differing: items among these whose labels are not all the same.
        coefficients: Krippendorff's alpha, Fleiss' kappa, Cohen's kappa of the pairs with most items in common.
        judge: both cut into right and wrong; None where no item with a score by a judge has a label that counts.
        matrix: the same items on the form's scale, uncut; None where `judge` is.
    """

    batch_id: str
    n_items: int
    n_overlapping: int
    n_differing: int
    coefficients: tuple[Coefficient, ...]
    judge: JudgeAgreement | None
    matrix: JudgeMatrix | None = None


@dataclass(frozen=True, slots=True)
class _Ratings:
    """The values that reviewers gave items, each by its place among those of the form."""

    form: Form
    values: tuple[Value, ...]
    given: dict[str, dict[str, int]]

    @property
    def reviewers(self) -> tuple[str, ...]:
        return tuple(sorted({name for labels in self.given.values() for name in labels}))


def agreement_of(
    batch_id: str,
    form: Form,
    items: Sequence[Item],
    events: Sequence[Event],
    standings: dict[str, Standing],
    confidence_level: float = 0.95,
) -> AgreementReport:
    """The agreement of a batch: adjudications are no votes, but settle what the judge is held against."""
    ratings = _ratings(form, events)
    overlapping = {item: labels for item, labels in ratings.given.items() if len(labels) > 1}
    shared = _Ratings(form, ratings.values, overlapping)
    return AgreementReport(
        batch_id=batch_id,
        n_items=len(items),
        n_overlapping=len(overlapping),
        n_differing=sum(len(set(labels.values())) > 1 for labels in overlapping.values()),
        coefficients=_coefficients(shared, confidence_level),
        judge=judge_agreement(form, items, standings, confidence_level),
        matrix=judge_matrix(form, items, standings, confidence_level),
    )


def _ratings(form: Form, events: Sequence[Event]) -> _Ratings:
    values = _PREFERENCES if form.is_pair else tuple(choice.value for choice in form.choices)
    by_item: dict[str, list[Event]] = {}
    for event in events:
        by_item.setdefault(event.item_id, []).append(event)
    given = {
        item: {event.reviewer: values.index(event.value) for event in labels_in_force(own) if event.value in values}
        for item, own in by_item.items()
    }
    return _Ratings(form, values, {item: labels for item, labels in given.items() if labels})


def _coefficients(shared: _Ratings, confidence_level: float) -> tuple[Coefficient, ...]:
    names = shared.reviewers
    found = [
        told("Krippendorff's alpha", names, lambda: _alpha(shared, confidence_level)),
        told("Fleiss' kappa", names, lambda: _fleiss(shared, confidence_level)),
    ]
    common = Counter(pair for labels in shared.given.values() for pair in combinations(sorted(labels), 2))
    for (one, other), n_items in common.most_common(_MOST_PAIRS):
        if n_items > 1:
            found.append(told("Cohen's kappa", (one, other), _cohen(shared, one, other, confidence_level)))
    return tuple(found)


def _alpha(shared: _Ratings, confidence_level: float) -> Agreement:
    names = shared.reviewers
    table = np.full((len(names), len(shared.given)), np.nan)
    for unit, labels in enumerate(shared.given.values()):
        for name, place in labels.items():
            table[names.index(name), unit] = place
    return krippendorff_alpha(table, "ordinal", confidence_level)


def _fleiss(shared: _Ratings, confidence_level: float) -> Agreement:
    """Over the items with the most common number of reviewers: Fleiss' kappa wants the same number of each."""
    usual = Counter(len(labels) for labels in shared.given.values()).most_common(1)
    chosen = [labels for labels in shared.given.values() if usual and len(labels) == usual[0][0]]
    counts = np.zeros((len(chosen), len(shared.values)))
    for unit, labels in enumerate(chosen):
        for place in labels.values():
            counts[unit, place] += 1
    return fleiss_kappa(counts, confidence_level)


def _cohen(shared: _Ratings, one: str, other: str, confidence_level: float) -> Callable[[], Agreement]:
    both = [labels for labels in shared.given.values() if one in labels and other in labels]
    first, second = [labels[one] for labels in both], [labels[other] for labels in both]
    return lambda: cohen_kappa(first, second, confidence_level, "linear")


def judge_agreement(
    form: Form, items: Sequence[Item], standings: dict[str, Standing], confidence_level: float = 0.95
) -> JudgeAgreement | None:
    """The judge's scores against the labels that count; both are cut at `CUT`.

    Items were not drawn alike, so that each counts with the inverse of its probability.
    """
    human, judged, weights, n_ties = [], [], [], 0
    for item, score, judge_score in said_by_both(items, standings):
        if form.is_pair and CUT in (score, judge_score):
            n_ties += 1
            continue
        human.append(score >= CUT)
        judged.append(judge_score >= CUT)
        weights.append(1 / item.probability)
    if not human and not n_ties:
        return None
    said, found, weight = np.array(human, dtype=bool), np.array(judged, dtype=bool), np.array(weights)
    return JudgeAgreement(
        right_right=int((said & found).sum()),
        right_wrong=int((said & ~found).sum()),
        wrong_right=int((~said & found).sum()),
        wrong_wrong=int((~said & ~found).sum()),
        n_ties=n_ties,
        sensitivity=_rate(found[said], weight[said], confidence_level),
        specificity=_rate(~found[~said], weight[~said], confidence_level),
    )


def _rate(hits: np.ndarray, weights: FloatArray, confidence_level: float) -> LabelShare | None:
    return rate(hits, weights, confidence_level) if len(hits) else None
