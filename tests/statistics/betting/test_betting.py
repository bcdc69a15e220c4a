"""Betting e-processes and confidence sequences: valid whenever one stops, the same in one piece or in many."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics import betting_e_process, confidence_sequence

DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=1, max_size=40)


@pytest.mark.service
@given(DIFFERENCES, st.integers(0, 40))
def test_one_batch_and_many_are_the_same(values, cut):
    whole = betting_e_process(values, -0.05)
    parts = betting_e_process(values[:cut], -0.05).extend(values[cut:])
    assert whole.log_e.tolist() == [pytest.approx(x, abs=1e-9) for x in parts.log_e]


@pytest.mark.service
@given(DIFFERENCES, st.randoms())
def test_the_evidence_does_not_depend_on_the_order(values, random):
    shuffled = random.sample(values, len(values))
    one, other = betting_e_process(values), betting_e_process(shuffled)
    assert one.log_e_value == pytest.approx(other.log_e_value, abs=1e-9)


@given(DIFFERENCES)
def test_swapping_the_versions_swaps_the_alternatives(values):
    one = betting_e_process(values, -0.05)
    other = betting_e_process([-x for x in values], 0.05, "less")
    assert one.log_e.tolist() == [pytest.approx(x, abs=1e-9) for x in other.log_e]


@given(DIFFERENCES, st.floats(-0.9, 0.8))
def test_a_higher_null_mean_leaves_less_evidence(values, null_mean):
    low, high = betting_e_process(values, null_mean), betting_e_process(values, null_mean + 0.05)
    assert high.log_e_value <= low.log_e_value + 1e-9


def test_no_number_is_no_evidence():
    assert betting_e_process([]).log_e_value == 0
    assert betting_e_process([]).extend([0.5]).log_e_value == pytest.approx(betting_e_process([0.5]).log_e_value)


def test_the_wealth_of_one_bet_is_what_arithmetic_says():
    """Expected mean 0.05 above the null at spread 0: bets are capped at 0.95 of the largest, 1 / 0.95 here."""
    process = betting_e_process([0.0] * 10, -0.05, expected=(0.0, 0.0))
    assert process.log_e_value == pytest.approx(10 * math.log1p(0.95 / 0.95 * 0.05))


@pytest.mark.service
@pytest.mark.parametrize("expected", [None, (0.0, 0.3)])
def test_a_drop_of_the_margin_is_seldom_called_harmless_however_often_one_looks(expected):
    """Paired differences with mean -0.05, mostly 0 and a few -1: evidence reaches 20 in at most 5 of 100 runs."""
    rng = np.random.default_rng(1)
    called = 0
    for _ in range(500):
        values = np.where(rng.random(400) < 0.05, -1.0, 0.0)
        called += (betting_e_process(values, -0.05, expected=expected).log_e >= math.log(20)).any()
    assert called / 500 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 500)


def test_tuned_bets_need_fewer_cases():
    rng = np.random.default_rng(2)
    needed = {True: [], False: []}
    for _ in range(100):
        values = rng.normal(0, 0.15, 1500).clip(-1, 1)
        for tuned in (True, False):
            process = betting_e_process(values, -0.05, expected=(0.0, 0.15) if tuned else None)
            needed[tuned].append(int((process.log_e >= math.log(20)).argmax()) + 1)
    assert np.mean(needed[True]) < np.mean(needed[False]) < 150


@pytest.mark.service
def test_a_confidence_sequence_holds_the_mean_at_every_step_in_95_of_100_runs():
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(100):
        sequence = confidence_sequence((rng.random(100) < 0.9).astype(float), resolution=100)
        missed += bool(np.any((sequence.low > 0.9) | (sequence.high < 0.9)))
    assert missed / 100 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_bounds_never_move_back_and_mirror(values):
    sequence = confidence_sequence(values, resolution=50)
    mirrored = confidence_sequence([1 - x for x in values], resolution=50)
    assert np.all(np.diff(sequence.low) >= 0)
    assert np.all(np.diff(sequence.high) <= 0)
    assert np.all((sequence.low >= 0) & (sequence.high <= 1))
    assert sequence.low.tolist() == [pytest.approx(1 - x) for x in mirrored.high]


@pytest.mark.service
def test_the_interval_narrows_to_the_mean():
    values = np.random.default_rng(4).beta(8, 2, 2000)
    sequence = confidence_sequence(values)
    assert sequence.low[-1] < 0.8 < sequence.high[-1]
    assert sequence.high[-1] - sequence.low[-1] < 0.03
    assert sequence.value[-1] == pytest.approx(values.mean())


def test_bounds_other_than_0_and_1_scale_the_interval():
    values = np.random.default_rng(5).random(50)
    unit, wide = confidence_sequence(values), confidence_sequence(values * 20 - 10, bounds=(-10, 10))
    assert wide.low.tolist() == [pytest.approx(20 * x - 10) for x in unit.low]


def test_equal_numbers_still_leave_an_interval_with_width():
    sequence = confidence_sequence([0.5] * 100)
    assert sequence.low[-1] < 0.5 < sequence.high[-1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: betting_e_process([2.0]), "outside the bounds"),
        (lambda: betting_e_process([math.nan]), "NaN"),
        (lambda: betting_e_process([[0.1]]), "2 dimensions"),
        (lambda: betting_e_process([0.1], 1.0), "strictly within"),
        (lambda: betting_e_process([0.1], alternative="two-sided"), "'greater', 'less'"),
        (lambda: betting_e_process([0.1], bounds=(1, 0)), "smaller first"),
        (lambda: betting_e_process([0.1], expected=(-0.2, 0.1)), "no mean on the side"),
        (lambda: confidence_sequence([]), "is empty"),
        (lambda: confidence_sequence([0.1], 1.0), "write 0.95"),
        (lambda: confidence_sequence([0.1], resolution=1), "resolution"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
