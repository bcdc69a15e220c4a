"""Labels with a judge's predictions: no bias by construction, special cases in closed form, what does not count."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.betting.sequential import Units, Wealth
from harness.statistics.labels.draws import DrawnLabels, LabelQuestion
from harness.statistics.labels.evidence import LabelWealth, evidence, labels_alone, prediction_powered
from tests.statistics.labels.made import drawn

RATE = LabelQuestion("rate", 0.8, 0.05)
shares = st.floats(0, 1)


def said(draws, *labels):
    """Labels of one version."""
    return DrawnLabels.of(draws, np.array(labels, dtype=float).reshape(-1, 1))


def test_a_case_counts_as_predicted_and_a_label_corrects_by_the_inverse_of_its_probability():
    found = evidence(said([drawn(passed=((0.7,), (0.9,)))], 0.0), "rate")
    assert found.values.tolist() == pytest.approx([0.7, 0.9, 0.6 - 0.6 / 0.5])
    assert found.ends == (3,)
    pair = drawn(predicted=(0.6, 0.9), expected=(0.5, 0.7))
    assert evidence(DrawnLabels.of([pair], [[1.0, 0.0]]), "difference").values.tolist() == pytest.approx(
        [-0.2 + 1.3 / 0.5]
    )


@given(shares, shares, shares, st.floats(0.01, 1))
def test_a_cases_value_is_what_people_say_in_expectation(label, predicted, expected, probability):
    """Over the coin, and with `expected` the mean of `predicted` over samples: exactly, whatever the judge said."""
    draw = drawn(probability=probability, predicted=(predicted,), expected=(expected,))
    labelled = evidence(said([draw], label), "rate").values[0]
    skipped = dataclasses.replace(draw, case=None, passed=((expected,),))
    passed = evidence(said([skipped], math.nan), "rate").values[0]
    mean = probability * labelled + (1 - probability) * passed
    assert mean == pytest.approx(label - predicted + expected, abs=1e-9)


def test_what_comes_after_the_first_missing_label_does_not_count_yet():
    draws = [drawn(i) for i in range(4)]
    assert evidence(said(draws, 1, math.nan, 0, 0), "rate").ends == (1,)
    assert evidence(said(draws, 1, 1, 0, 0), "rate").ends == (1, 2, 3, 4)


def judged_items(rng, n, specificity=0.8):
    """What people would say of n items, 0.8 of them right, and what the judge says."""
    truth = rng.random(n) < 0.8
    return truth.astype(float), np.where(truth, rng.random(n) < 0.9, rng.random(n) >= specificity).astype(float)


def test_the_weight_of_the_judge_has_the_smallest_variance():
    """PPI++ (2023): mean(w f) over the rest plus mean(y - w f) over the labelled, variances added."""
    labels, judge = judged_items(np.random.default_rng(3), 500)
    value, error, weight = prediction_powered(labels[:80], judge[:80], judge[80:])
    assert 0 < weight < 1
    assert value == pytest.approx(weight * judge[80:].mean() + (labels[:80] - weight * judge[:80]).mean())
    for other in (weight, *np.linspace(0, 1, 11)):
        variance = (labels - other * judge)[:80].var(ddof=1) / 80 + other**2 * judge[80:].var(ddof=1) / 420
        assert error <= 1.01 * math.sqrt(variance)


def test_a_judge_that_knows_nothing_is_not_trusted():
    rng = np.random.default_rng(4)
    labels = (rng.random(200) < 0.8).astype(float)
    alone = (labels.mean(), labels.std(ddof=1) / math.sqrt(200), 0.0)
    assert prediction_powered(labels, rng.random(200), rng.random(2000))[2] < 0.2
    assert prediction_powered(labels, rng.random(200), np.empty(0)) == pytest.approx(alone)


@pytest.mark.service
@pytest.mark.parametrize("specificity", [0.6, 0.9])
def test_the_prediction_powered_mean_has_no_bias_and_the_error_that_it_says(specificity):
    rng = np.random.default_rng(5)
    found = []
    for _ in range(1500):
        labels, judge = judged_items(rng, 1000, specificity)
        found.append(prediction_powered(labels[:120], judge[:120], judge[120:])[:2])
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(0.8, abs=4 * values.std() / math.sqrt(1500))
    assert errors.mean() == pytest.approx(values.std(), rel=0.06)


def test_labels_alone_are_weighted_and_never_look_at_the_judge():
    draws = [drawn(i, p, (0.5,), passed=((0.1,),)) for i, p in enumerate((0.5, 0.2, 0.9, 0.3))]
    others = [dataclasses.replace(draw, predicted=(0.9,), expected=(0.2,), passed=((0.8,),)) for draw in draws]
    ours, theirs = (labels_alone(said(each, 1, 0, 1, 1), "rate", RATE) for each in (draws, others))
    np.testing.assert_array_equal(ours.values, theirs.values)
    assert ours.values[:2].tolist() == pytest.approx([0.5, 0.5 + 0.5 / 0.5])
    middle = 0.5 + 0.5 / 0.5 / (1 + 1 / 0.5)
    assert ours.values[2:4].tolist() == pytest.approx([middle, middle - middle / 0.2])


def test_what_is_known_to_be_the_same_counts_as_no_difference():
    draw = drawn(predicted=(0.6, 0.5), passed=((0.5, 0.4), (0.7, 0.7)), known_passed=(1,))
    values = labels_alone(DrawnLabels.of([draw], [[1.0, 0.0]]), "difference", None).values
    assert values[1] == 0


def test_wealth_without_a_lower_range_is_that_of_sequential_designs():
    rng = np.random.default_rng(3)
    units = Units(rng.random(50), np.ones(50), 0.0)
    stakes = rng.random(50)
    ours, theirs = LabelWealth(units, stakes, np.zeros(50)), Wealth(units, stakes)
    np.testing.assert_allclose(ours.log(0.4), theirs.log(0.4))
    assert ours.bound(0.05, 1.0) == pytest.approx(theirs.bound(0.05, 1.0))


def test_wealth_of_equal_values_in_closed_form():
    values = Units(np.full(20, 0.9), np.ones(20), 0.0)
    wealth = LabelWealth(values, np.full(20, 0.3), np.full(20, -5.0))
    stake = min(0.3, 0.95 / (0.75 + 5))
    assert wealth.log(0.75)[-1] == pytest.approx(20 * math.log1p(stake * 0.15))


@given(st.lists(st.tuples(shares, st.floats(-6, 6)), min_size=1, max_size=20), shares, shares)
def test_wealth_never_grows_with_the_mean_it_is_against(cases, first, second):
    lows = np.array([min(value, low) for value, low in cases])
    wealth = LabelWealth(
        Units(np.array([value for value, _ in cases]), np.ones(len(cases)), 0.0), np.ones(len(cases)), lows
    )
    least, most = sorted((first, second))
    assert np.all(wealth.log(most) <= wealth.log(least) + 1e-9)


def test_until_the_judge_is_trusted_the_labels_alone_must_show_it_too():
    """By then at most what both have shown at their best; from then on what labels and judge have."""
    ours, alone = (
        LabelWealth(Units(np.full(30, value), np.ones(30), 0.0), np.full(30, 0.3), np.zeros(30)) for value in (0.9, 0.8)
    )
    plain, least = ours.log(0.5), alone.log(0.5)
    for trusted_from, n_held in ((None, 30), (11, 10), (1, 0)):
        backed = dataclasses.replace(ours, alone=alone, trusted_from=trusted_from)
        assert backed.log(0.5).tolist() == pytest.approx([*least[:n_held], *plain[n_held:]])
        assert (backed.bound(0.05, 1.0) == pytest.approx(ours.bound(0.05, 1.0))) == (trusted_from is not None)


def test_an_excluded_item_contradicts_no_judge_and_is_the_worst_or_the_best_of_what_is_asked():
    draws = [drawn(i, predicted=(1.0,)) for i in range(3)]
    found = [
        evidence(DrawnLabels.of(draws, [[0]] * 3, [[False], [True], [False]]), "rate", as_) for as_ in (None, 0, 1)
    ]
    assert {each.errors for each in found} == {(1, 1, 2)}
    assert [each.values[1] for each in found] == [1.0, -1.0, 1.0]


@pytest.mark.parametrize("label", [1.2, -0.1])
def test_a_label_outside_the_scale_is_refused(label):
    with pytest.raises(ValueError, match="outside"):
        evidence(said([drawn()], label), "rate")
