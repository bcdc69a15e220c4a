"""How far reviewers agree."""

from itertools import count
from typing import Any

import pytest

from harness.review import Queue
from harness.review.judged import Coefficient
from harness.statistics import cohen_kappa, fleiss_kappa, krippendorff_alpha
from tests.review.conftest import PAIR, SCALE, AddBatch

pytestmark = pytest.mark.service

_keys = count()

ANN, BOB, EVE = [5, 4, 4, 2, 1, 3], [5, 4, 3, 2, 1, 1], [4, 4, 3, 2, 2, 1]


def label_all(queue: Queue, given: dict[str, list[Any]]) -> None:
    for reviewer, values in given.items():
        for value in values:
            view = queue.next(reviewer)
            assert view is not None
            queue.label(reviewer, view.lease_id, value, key=f"a{next(_keys)}")


def by_name(coefficients: tuple[Coefficient, ...], name: str, *reviewers: str) -> Coefficient:
    return next(each for each in coefficients if each.name == name and set(reviewers) <= set(each.reviewers))


def test_coefficients_are_those_of_the_statistics_on_the_labels(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(6, SCALE, wanted=3)
    label_all(queue, {"ann": ANN, "bob": BOB, "eve": EVE})
    report = queue.agreement("b1")
    assert (report.n_items, report.n_overlapping, report.n_differing) == (6, 6, 4)
    alpha = by_name(report.coefficients, "Krippendorff's alpha")
    assert alpha.found is not None
    assert alpha.found.value == pytest.approx(krippendorff_alpha([ANN, BOB, EVE], "ordinal").value)
    cohen = by_name(report.coefficients, "Cohen's kappa", "ann", "bob")
    assert cohen.found == cohen_kappa(ANN, BOB, weights="linear")
    counts = [[(labels.count(score)) for score in range(1, 6)] for labels in zip(ANN, BOB, EVE, strict=True)]
    assert by_name(report.coefficients, "Fleiss' kappa").found == fleiss_kappa(counts)


def test_labels_that_were_undone_and_adjudications_are_no_votes(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2, wanted=2)
    label_all(queue, {"ann": [5, 1], "bob": [5, 5]})
    view = queue.next("eve", task="adjudicate")
    assert view is not None
    queue.adjudicate("eve", view.lease_id, 1, key="e")
    assert queue.agreement("b1").n_differing == 1
    queue.undo("bob", key="u")
    report = queue.agreement("b1")
    assert (report.n_overlapping, report.n_differing) == (1, 0)
    assert by_name(report.coefficients, "Krippendorff's alpha").problem is not None


def test_reviewers_who_share_some_items_only(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(6, wanted=2)
    right, wrong = 5, 1
    label_all(queue, {"ann": [right, wrong, right], "bob": [right, wrong], "eve": [wrong, right, right, wrong]})
    label_all(queue, {"ann": [right, wrong, wrong]})
    report = queue.agreement("b1")
    assert report.n_overlapping == 6
    names = [each.reviewers for each in report.coefficients if each.name == "Cohen's kappa"]
    assert names == [("ann", "eve"), ("ann", "bob")]


def test_preferences_agree_on_the_answer_and_not_on_the_side(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(8, PAIR, wanted=2)
    for reviewer in ("ann", "bob"):
        for number in range(8):
            view = queue.next(reviewer)
            assert view is not None
            wanted = "candidate" if number % 2 else "baseline"
            side = "left" if view.answers[0].startswith(wanted) else "right"
            queue.label(reviewer, view.lease_id, side, key=f"p{next(_keys)}")
    cohen = by_name(queue.agreement("b1").coefficients, "Cohen's kappa")
    assert cohen.found is not None
    assert cohen.found.value == 1.0
