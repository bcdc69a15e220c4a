"""How far reviewers agree with each other, and a judge with them."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from harness.records.review import Form, Item, LabelChoice, Standing
from harness.review import Queue
from harness.review.agreement import judge_matrix
from harness.statistics.agreement import krippendorff_alpha
from harness.statistics.intervals.proportions import wilson_interval
from tests.review.conftest import PAIR, SCALE, AddBatch, batch_of

_keys = count()
ANN, BOB, EVE = [5, 4, 4, 2, 1, 3], [5, 4, 3, 2, 1, 1], [4, 4, 3, 2, 2, 1]


def label_all(queue: Queue, given: dict[str, list[Any]]) -> None:
    for reviewer, values in given.items():
        for value in values:
            view = queue.next(reviewer)
            assert view is not None
            queue.label(reviewer, view.lease_id, value, key=f"a{next(_keys)}")


def test_the_coefficient_is_that_of_the_statistics_on_the_labels(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(6, SCALE, wanted=3)
    label_all(queue, {"ann": ANN, "bob": BOB, "eve": EVE})
    report = queue.agreement("b1")
    assert (report.n_items, report.n_overlapping, report.n_differing) == (6, 6, 4)
    assert report.people.estimate is not None
    assert report.people.estimate.value == pytest.approx(krippendorff_alpha([ANN, BOB, EVE]).value)


@pytest.mark.service
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
    assert report.people.problem is not None


def test_preferences_agree_on_the_answer_and_not_on_the_side(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(8, PAIR, wanted=2)
    for reviewer in ("ann", "bob"):
        for number in range(8):
            view = queue.next(reviewer)
            assert view is not None
            wanted = "candidate" if number % 2 else "baseline"
            side = "left" if view.item.answers[0].text.startswith(wanted) else "right"
            queue.label(reviewer, view.lease_id, side, key=f"p{next(_keys)}")
    found = queue.agreement("b1").people.estimate
    assert found is not None
    assert found.value == 1.0


TWO = Form("scale", "Right", choices=(LabelChoice(0, "", 0.0), LabelChoice(1, "", 1.0)))
THREE = Form("scale", "Good", choices=tuple(LabelChoice(score, "", (score - 1) / 2) for score in (1, 2, 3)))


def said(form: Form, pairs: list[tuple[float, float]], **more: Any) -> tuple[list[Item], dict[str, Standing]]:
    """Items with what people and the judge score them."""
    items = [
        replace(item, id=f"i{number}", case_id=f"case-{number}")
        for number, (_, judge) in enumerate(pairs)
        for item in batch_of(1, form, judge_score=judge, **{"probability": 0.5, **more})
    ]
    scores = zip(items, pairs, strict=True)
    return items, {item.id: Standing("done", 1, "value", people) for item, (people, _) in scores}


def test_scores_are_compared_point_by_point() -> None:
    """12 of 23 are the same: the others differ by one point of three."""
    items, standings = said(THREE, [(1.0, 1.0)] * 12 + [(0.5, 1.0)] * 11)
    found = judge_matrix(THREE, items, standings)
    assert found is not None
    assert (found.points, found.counts) == (("1", "2", "3"), ((0, 0, 0), (0, 0, 11), (0, 0, 12)))
    assert (found.n_same, found.n_items, found.n_between) == (12, 23, 0)
    interval = wilson_interval(12, 23)
    assert (found.exact.value, found.exact.low, found.exact.high) == pytest.approx(
        (12 / 23, interval.low, interval.high)
    )
    assert {each.case_id for each in found.differing} == {f"case-{number}" for number in range(12, 23)}


def test_ordinal_agreement_is_the_published_one() -> None:
    """Krippendorff (2011), example B: two observers, ten units, alpha of 0.095 for the nominal metric; by ranks of two
    values it is the same.
    """
    one, other = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    found = judge_matrix(TWO, *said(TWO, list(zip(map(float, one), map(float, other), strict=True))))
    assert found is not None
    assert found.ordinal.estimate is not None
    assert found.ordinal.estimate.value == pytest.approx(0.095, abs=5e-4)


def test_scores_far_apart_count_for_more_than_near_ones() -> None:
    near, far = [(0.0, 0.5), (0.5, 1.0), (1.0, 1.0), (0.0, 0.0)], [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (0.5, 0.5)]
    values = []
    for pairs in (near, far):
        found = judge_matrix(THREE, *said(THREE, pairs))
        assert found is not None
        assert found.ordinal.estimate is not None
        assert found.n_same == 2
        values.append(found.ordinal.estimate.value)
    assert values[0] > 0 > values[1]


def test_a_mean_between_two_points_stands_at_the_nearer_one_and_is_told() -> None:
    found = judge_matrix(THREE, *said(THREE, [(1.0, 0.8), (1.0, 0.75), (0.0, 0.2)]))
    assert found is not None
    assert (found.counts, found.n_between, found.n_same) == (((1, 0, 0), (0, 0, 0), (0, 1, 1)), 3, 2)
    (each,) = found.differing
    assert (each.people, each.judge, each.judge_score) == (2, 1, 0.75)


def test_exact_agreement_is_weighed_by_probability() -> None:
    items, standings = said(THREE, [(1.0, 1.0), (1.0, 0.0)])
    items = [replace(items[0], probability=0.25), replace(items[1], probability=1.0)]
    found = judge_matrix(THREE, items, standings)
    assert found is not None
    assert found.exact.value == pytest.approx(0.8)


def test_values_that_count_for_the_same_are_one_point_and_a_pair_has_three() -> None:
    form = Form(
        "scale",
        "Right",
        choices=(LabelChoice(3, "", 1.0), LabelChoice(1, "", 0.0), LabelChoice(2, "", 0.0)),
    )
    found = judge_matrix(form, *said(form, [(1.0, 1.0), (0.0, 0.0)]))
    assert found is not None
    assert found.points == ("1 or 2", "3")
    pair = judge_matrix(PAIR, *said(PAIR, [(1.0, 0.5)]))
    assert pair is not None
    assert (pair.points, pair.counts[2]) == (("baseline better", "tie", "candidate better"), (0, 1, 0))
