"""None"""

from itertools import count
from typing import Any

import pytest

from harness.review import Queue
from harness.review.judged import Coefficient
from harness.statistics.agreement import krippendorff_alpha
from tests.review.conftest import CATEGORIES, PAIR, SCALE, TEXT, AddBatch

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
    pair = next(each for each in report.coefficients if each.reviewers == ("ann", "bob"))
    assert pair.found is not None
    assert pair.found.value == pytest.approx(krippendorff_alpha([ANN, BOB], "ordinal").value)


def test_labels_that_were_undone_and_adjudications_are_no_votes(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2, CATEGORIES, wanted=2)
    label_all(queue, {"ann": ["right", "wrong"], "bob": ["right", "right"]})
    view = queue.next("eve", task="adjudicate")
    assert view is not None
    queue.adjudicate("eve", view.lease_id, "wrong", key="e")
    assert queue.agreement("b1").n_differing == 1
    queue.undo("bob", key="u")
    report = queue.agreement("b1")
    assert (report.n_overlapping, report.n_differing) == (1, 0)
    assert by_name(report.coefficients, "Krippendorff's alpha").problem is not None


def test_reviewers_who_share_some_items_only(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(6, CATEGORIES, wanted=2)
    right, wrong = "right", "wrong"
    label_all(queue, {"ann": [right, wrong, right], "bob": [right, wrong], "eve": [wrong, right, right, wrong]})
    label_all(queue, {"ann": [right, wrong, wrong]})
    report = queue.agreement("b1")
    assert report.n_overlapping == 6
    names = [each.reviewers for each in report.coefficients]
    assert names == [("ann", "bob", "eve"), ("ann", "eve"), ("ann", "bob")]


def test_preferences_agree_on_the_answer_and_not_on_the_side(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(8, PAIR, wanted=2)
    for reviewer in ("ann", "bob"):
        for number in range(8):
            view = queue.next(reviewer)
            assert view is not None
            wanted = "candidate" if number % 2 else "baseline"
            side = "left" if view.answers[0].startswith(wanted) else "right"
            queue.label(reviewer, view.lease_id, side, key=f"p{next(_keys)}")
    (alpha,) = queue.agreement("b1").coefficients
    assert alpha.found is not None
    assert alpha.found.value == 1.0


def test_free_texts_have_no_coefficient(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2, TEXT, wanted=2)
    label_all(queue, {"ann": ["a", "b"], "bob": ["a", "c"]})
    report = queue.agreement("b1")
    assert (report.coefficients, report.judge) == ((), None)
