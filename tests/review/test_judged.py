"""A judge beside the labels that count."""

from dataclasses import replace
from typing import Any

import pytest

from harness.records.review import Form, Item, LabelChoice, Standing
from harness.review.agreement import judge_agreement
from harness.review.judged import judge_matrix
from harness.statistics import wilson_interval
from tests.review.conftest import PAIR, batch_of

TWO = Form("scale", "Right", choices=(LabelChoice(0, "", 0.0), LabelChoice(1, "", 1.0)))


def test_the_judge_is_held_against_the_labels_that_count() -> None:
    """Counts by hand: people call 5 right, of which the judge 4; and 4 wrong, of which the judge 3."""
    people = [1, 1, 1, 1, 1, 0, 0, 0, 0, None]
    judged = [1, 1, 0.5, 1, 0.2, 0, 0, 0, 0.9, 1]
    items = [item for score in judged for item in batch_of(1, judge_score=score, probability=0.5)]
    items = [replace(item, id=f"i{number}") for number, item in enumerate(items)]
    standings = {
        item.id: Standing("open" if said is None else "done", 1, 1, said)
        for item, said in zip(items, people, strict=True)
    }
    found = judge_agreement(TWO, items, standings)
    assert found is not None
    assert (found.right_right, found.right_wrong, found.wrong_right, found.wrong_wrong) == (4, 1, 1, 3)
    assert found.sensitivity is not None
    assert found.specificity is not None
    interval = wilson_interval(4, 5)
    assert (found.sensitivity.value, found.sensitivity.low, found.sensitivity.high) == pytest.approx(
        (0.8, interval.low, interval.high)
    )
    assert (found.specificity.value, found.specificity.n) == (0.75, 4)


def test_items_that_were_unlikely_to_be_drawn_count_for_more() -> None:
    """The judge is wrong on the item drawn at 1, right on that drawn at 0.25, which stands for four."""
    items = [
        *batch_of(1, batch_id="a", judge_score=0.0, probability=1.0),
        *batch_of(1, batch_id="b", judge_score=1.0, probability=0.25),
    ]
    found = judge_agreement(TWO, items, {item.id: Standing("done", 1, "right", 1.0) for item in items})
    assert found is not None
    assert found.sensitivity is not None
    assert found.specificity is None
    assert found.sensitivity.value == pytest.approx(0.8)
    interval = wilson_interval(0.8 * 25 / 17, 25 / 17)
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx((interval.low, interval.high))


def test_ties_of_a_pair_are_left_out() -> None:
    items = [
        item
        for name, score in (("a", 0.5), ("b", 1.0), ("c", 1.0))
        for item in batch_of(1, PAIR, batch_id=name, judge_score=score)
    ]
    scores = (1.0, 0.5, 1.0)
    standings = {item.id: Standing("done", 1, "first", score) for item, score in zip(items, scores, strict=True)}
    found = judge_agreement(PAIR, items, standings)
    assert found is not None
    assert (found.n_ties, found.right_right, found.right_wrong) == (2, 1, 0)


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


def test_scores_on_one_side_of_the_cut_are_not_called_the_same() -> None:
    """12 of 23 are: the others differ by one point of three, which a cut at 0.5 does not see."""
    items, standings = said(THREE, [(1.0, 1.0)] * 12 + [(0.5, 1.0)] * 11)
    cut = judge_agreement(THREE, items, standings)
    assert cut is not None
    assert cut.sensitivity is not None
    assert cut.sensitivity.value == 1.0
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
    assert found.ordinal.found is not None
    assert found.ordinal.found.value == pytest.approx(0.095, abs=5e-4)


def test_scores_far_apart_count_for_more_than_near_ones() -> None:
    near, far = [(0.0, 0.5), (0.5, 1.0), (1.0, 1.0), (0.0, 0.0)], [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (0.5, 0.5)]
    values = []
    for pairs in (near, far):
        found = judge_matrix(THREE, *said(THREE, pairs))
        assert found is not None
        assert found.ordinal.found is not None
        assert found.n_same == 2
        values.append(found.ordinal.found.value)
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
    assert (pair.points, pair.counts[2]) == (("baseline better", "neither", "candidate better"), (0, 1, 0))
