"""Labels with a judge's predictions: no bias by construction, special cases in closed form, what does not count."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.betting.sequential import Units, Wealth, anytime_interval
from harness.statistics.labels.draws import NO_STAKES, Draw, LabelQuestion
from harness.statistics.labels.labelled import LabelWealth, evidence, labelled_mean, labels_alone, prediction_powered

RATE = LabelQuestion("rate", 0.8, 0.05)
shares = st.floats(0, 1)


def drawn(case=0, probability=0.5, predicted=(0.6,), passed=(), **changes):
    fields = {
        "case": case,
        "samples": (0,) * len(predicted),
        "probability": probability,
        "judged": predicted,
        "predicted": predicted,
        "expected": predicted,
        "passed": passed,
        "told": (),
        "floor": 0.1,
        "ranges": ((-19.0, 20.0), (-19.0, 20.0)),
        "stakes": ((0.1, 0.1), (0.1, 0.1)),
    }
    return Draw(**{**fields, **changes})


def column(*labels):
    return np.array(labels, dtype=float).reshape(-1, 1)


def test_a_case_counts_as_predicted_and_a_label_corrects_by_the_inverse_of_its_probability():
    found = evidence([drawn(passed=((0.7,), (0.9,)))], column(0.0), "rate")
    assert found.values.tolist() == pytest.approx([0.7, 0.9, 0.6 - 0.6 / 0.5])
    assert found.ends == (3,)
    pair = drawn(predicted=(0.6, 0.9), expected=(0.5, 0.7))
    assert evidence([pair], np.array([[1.0, 0.0]]), "difference").values.tolist() == pytest.approx([-0.2 + 1.3 / 0.5])


@given(shares, shares, shares, st.floats(0.01, 1))
def test_a_cases_value_is_what_people_say_in_expectation(said, predicted, expected, probability):
    """Over the coin, and with `expected` the mean of `predicted` over samples: exactly, whatever the judge said."""
    draw = drawn(probability=probability, predicted=(predicted,), expected=(expected,))
    labelled = evidence([draw], column(said), "rate").values[0]
    passed = evidence([dataclasses.replace(draw, case=None, passed=((expected,),))], column(math.nan), "rate").values[0]
    mean = probability * labelled + (1 - probability) * passed
    assert mean == pytest.approx(said - predicted + expected, abs=1e-9)


def test_what_comes_after_the_first_missing_label_does_not_count_yet():
    draws = [drawn(i) for i in range(4)]
    early = evidence(draws, column(1, math.nan, 0, 0), "rate")
    assert (early.ends, early.n_draws) == ((1,), 1)
    assert evidence(draws, column(1, 1, 0, 0), "rate").ends == (1, 2, 3, 4)


def test_evidence_that_goes_on_is_that_of_all_at_once():
    rng = np.random.default_rng(1)
    draws = [drawn(i, passed=((0.3,),) * int(rng.integers(3))) for i in range(30)]
    labels = column(*(rng.random(30) < 0.7))
    parts = evidence(draws[:11], labels[:11], "rate")
    parts, whole = evidence(draws, labels, "rate", parts), evidence(draws, labels, "rate")
    for name in ("values", "lows", "highs", "stakes"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert (parts.ends, parts.errors, parts.n_draws) == (whole.ends, whole.errors, whole.n_draws)


def judged_items(rng, n, specificity=0.8):
    """What people would say of n items, 0.8 of them right, and what the judge says."""
    truth = rng.random(n) < 0.8
    return truth.astype(float), np.where(truth, rng.random(n) < 0.9, rng.random(n) >= specificity).astype(float)


def test_where_every_case_is_asked_it_is_the_prediction_powered_mean():
    """The uniform, fixed-n case: probability 1, so that predictions cancel and the rest of the cases is the judge's."""
    rng = np.random.default_rng(2)
    labels, judge = (rng.random(60) < 0.7).astype(float), rng.random(200)
    draws = [drawn(i, 1.0, (float(rng.random()),), judged=(float(1 - labels[i]),)) for i in range(60)]
    ours = labelled_mean(draws, column(*labels), "rate", judge)
    oracle = prediction_powered(labels, judge[:60], judge[60:])
    assert (ours.value, ours.standard_error, ours.weight) == pytest.approx(oracle, abs=1e-9)


def test_the_weight_of_the_judge_has_the_smallest_variance():
    """PPI++ (2023): mean(w f) over the rest plus mean(y - w f) over the labelled, variances added."""
    labels, judge = judged_items(np.random.default_rng(3), 500)
    value, error, weight = prediction_powered(labels[:80], judge[:80], judge[80:])
    assert 0 < weight < 1
    assert value == pytest.approx(weight * judge[80:].mean() + (labels[:80] - weight * judge[:80]).mean())
    for other in (weight, *np.linspace(0, 1, 11)):
        variance = (labels - other * judge)[:80].var(ddof=1) / 80 + other**2 * judge[80:].var(ddof=1) / 420
        assert error <= 1.01 * math.sqrt(variance)


def test_a_judge_that_knows_nothing_is_not_trusted_nor_one_who_may_not_be():
    rng = np.random.default_rng(4)
    labels = (rng.random(200) < 0.8).astype(float)
    alone = (labels.mean(), labels.std(ddof=1) / math.sqrt(200), 0.0)
    assert prediction_powered(labels, rng.random(200), rng.random(2000))[2] < 0.2
    assert prediction_powered(labels, labels, rng.random(2000), trusted=False) == pytest.approx(alone)
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


def test_the_interval_is_that_of_the_stakes_settled_with_the_draws():
    labels = column(*(np.random.default_rng(4).random(80) < 0.7))
    draws = [drawn(i, 0.5, ranges=((-3.0, 4.0), (-9.0, 9.0))) for i in range(80)]
    ours, found = labelled_mean(draws, labels, "rate", np.full(200, 0.6)), evidence(draws, labels, "rate")
    bounds = found.better().bound(0.025, 1.0), -found.worse().bound(0.025, 0.0)
    assert (ours.low, ours.high) == pytest.approx(bounds)
    assert 0 < ours.low < ours.value < ours.high


def test_the_interval_of_what_was_not_asked_is_about_that_of_sequential_designs():
    labels = (np.random.default_rng(5).random(150) < 0.7).astype(float)
    draws = [drawn(i, 1.0, floor=1.0, ranges=((0.0, 1.0), (-1.0, 1.0)), stakes=NO_STAKES) for i in range(150)]
    ours = labelled_mean(draws, column(*labels), "rate", np.full(200, 0.6))
    oracle = anytime_interval(Units(labels, np.ones(150), 0.0))
    assert (ours.low, ours.high) == pytest.approx(oracle, abs=0.02)


def test_with_fewer_than_5_judge_errors_the_labels_alone_count():
    labels = np.tile([1.0, 1.0, 0.0, 1.0], 8)
    for wrong, method in ((4, "labels alone"), (5, "labels and judge")):
        judged = labels.copy()
        judged[:wrong] = 1 - judged[:wrong]
        draws = [drawn(i, 1.0, (float(score),)) for i, score in enumerate(judged)]
        found = labelled_mean(draws, column(*labels), "rate", np.concatenate([judged, np.zeros(100)]))
        assert found.method.startswith(method)
        assert (found.weight == 0) == (wrong == 4)
        if wrong == 4:
            assert found.value == pytest.approx(labels.mean())


def test_labels_alone_are_weighted_and_never_look_at_the_judge():
    labels = column(1, 0, 1, 1)
    draws = [drawn(i, p, (0.5,), passed=((0.1,),)) for i, p in enumerate((0.5, 0.2, 0.9, 0.3))]
    others = [dataclasses.replace(draw, predicted=(0.9,), expected=(0.2,), passed=((0.8,),)) for draw in draws]
    ours, theirs = (labels_alone(each, labels, "rate", RATE) for each in (draws, others))
    np.testing.assert_array_equal(ours.values, theirs.values)
    assert ours.values[:2].tolist() == pytest.approx([0.5, 0.5 + 0.5 / 0.5])
    middle = 0.5 + 0.5 / 0.5 / (1 + 1 / 0.5)
    assert ours.values[2:4].tolist() == pytest.approx([middle, middle - middle / 0.2])


def test_what_is_known_to_be_the_same_counts_as_no_difference():
    draw = drawn(predicted=(0.6, 0.5), passed=((0.5, 0.4), (0.7, 0.7)), told=(1,))
    values = labels_alone([draw], np.array([[1.0, 0.0]]), "difference").values
    assert values[1] == 0


def test_wealth_without_a_lower_range_is_that_of_sequential_designs():
    rng = np.random.default_rng(3)
    units = Units(rng.random(50), np.ones(50), 0.0)
    stakes = rng.random(50)
    ours, theirs = LabelWealth(units, stakes, np.zeros(50)), Wealth(units, stakes)
    np.testing.assert_allclose(ours.log(0.4), theirs.log(0.4))
    assert ours.bound(0.05, 1.0) == pytest.approx(theirs.bound(0.05, 1.0))
    assert ours.until(7).log(0.4).tolist() == pytest.approx(ours.log(0.4)[:7].tolist())


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


def test_a_draw_is_the_same_after_json():
    draw = drawn(predicted=(0.6, 0.5), passed=((0.5, 0.4),), told=(0,))
    assert Draw.restored(json.loads(json.dumps(dataclasses.asdict(draw)))) == draw


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LabelQuestion("rates", 0.8, 0.05), "neither 'rate'"),
        (lambda: LabelQuestion("rate", 0.8, 0.0), "not above 0"),
        (lambda: LabelQuestion("rate", 0.04, 0.05), "no room"),
        (lambda: LabelQuestion("difference", 0.1, 0.05), "it is 0"),
        (lambda: LabelQuestion("rate", 0.8, 0.05, level=0), "level = 0"),
        (lambda: evidence([drawn()], column(1.2), "rate"), "outside"),
        (lambda: evidence([drawn()], column(1, 1), "rate"), "for 1 draws"),
        (lambda: evidence([drawn()], column(1), "difference"), "2 versions"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_fewer_than_two_labels_give_no_bounds():
    found = labelled_mean([drawn()], column(1), "rate", np.full(9, 0.5))
    assert (found.low, found.high, found.standard_error) == (0.0, 1.0, math.inf)


@st.composite
def gates(draw):
    """Draws with their labels, whatever people and judge say; a difference has two versions."""
    of = draw(st.sampled_from(["rate", "difference"]))
    scores = st.tuples(*[shares] * (1 if of == "rate" else 2))
    kinds = st.tuples(st.floats(0.05, 1), scores, st.lists(scores, max_size=3), scores)
    rows = draw(st.lists(kinds, min_size=1, max_size=25))
    draws = [drawn(i, p, predicted, tuple(passed)) for i, (p, predicted, passed, _) in enumerate(rows)]
    said = np.array([row[3] for row in rows])
    return of, draws, np.round(said) if draw(st.booleans()) else said


@pytest.mark.service
@given(gates(), st.floats(0, 1))
def test_an_estimate_is_possible_and_within_its_interval(gate, judged):
    of, draws, labels = gate
    cases = sum(1 + len(draw.passed) for draw in draws)
    found = labelled_mean(draws, labels, of, np.full(cases + 40, judged))
    assert (0 if of == "rate" else -1) <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_ten_labels_that_all_say_right_leave_room_for_doubt():
    """Each weighs the inverse of its probability, so that their mean alone is 1.06, and hardly varies."""
    found = labelled_mean([drawn(i, 0.9) for i in range(10)], column(*[1.0] * 10), "rate", np.full(60, 0.9))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.8
