"""Bets tuned to a margin: Wald's published numbers, the guarantee at any stopping time, and what bounds mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.betting.sequential import (
    Horizon,
    Units,
    anytime_interval,
    ratio_wealth,
    tuned_wealth,
)

DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.0, 0.2, 1.0]), min_size=1, max_size=60)


def units(values, low=-1.0, sizes=None, largest=1.0):
    values = np.asarray(values, dtype=float)
    return Units(values, np.ones(len(values)) if sizes is None else np.asarray(sizes, dtype=float), low, largest)


def test_the_wealth_of_ratio_bets_is_the_likelihood_ratio():
    right, wrong = [1.0] * 8, [0.0] * 2
    against = ratio_wealth(units(right + wrong, low=0.0), 0.8, 0.1).log(0.8)
    assert against[-1] == pytest.approx(8 * math.log(0.9 / 0.8) + 2 * math.log(0.1 / 0.2))
    turned = ratio_wealth(units([-x for x in right + wrong]), 0.9, 0.1).log(-0.9)
    assert turned[-1] == pytest.approx(8 * math.log(0.8 / 0.9) + 2 * math.log(0.2 / 0.1))


@pytest.mark.parametrize(("rate", "bound"), [(0.8, 59.7), (0.9, 72.2)])
def test_a_threshold_of_0_9_against_0_8_takes_a_quarter_more_samples_than_wald_s_bound_at_most(rate, bound):
    """Wald (1945), equation 4:8 for the expected number of observations, both errors 0.05: 59.7 and 72.2."""
    rng = np.random.default_rng([1, int(rate * 10)])
    counts = []
    for _ in range(1500):
        scores = (rng.random(199) < rate).astype(float)
        passed = ratio_wealth(units(scores, low=0.0), 0.8, 0.1).first_above(0.8, 0.05)
        failed = ratio_wealth(units(-scores), 0.9, 0.1).first_above(-0.9, 0.05)
        counts.append(math.ceil(min(each or 199 for each in (passed, failed)) / 5) * 5)
    assert bound <= np.mean(counts) <= 1.25 * bound


def test_wald_s_bound_is_what_his_formula_gives():
    step = {0.9: 0.9 * math.log(9 / 8) + 0.1 * math.log(0.5), 0.8: 0.8 * math.log(8 / 9) + 0.2 * math.log(2)}
    expected = {rate: 0.9 * math.log(19) / growth for rate, growth in step.items()}
    assert expected[0.8] == pytest.approx(59.7, abs=0.1)
    assert expected[0.9] == pytest.approx(72.2, abs=0.1)


@pytest.mark.parametrize("share_different", [0.05, 0.3, 1.0])
def test_a_mean_at_the_null_is_ruled_out_in_at_most_5_of_100_runs_however_often_one_looks(share_different):
    """Skewed on purpose: many cases that do not differ and a few that lose everything, mean exactly -0.05."""
    rng = np.random.default_rng([2, int(share_different * 100)])
    ruled_out = 0
    for _ in range(600):
        values = np.where(rng.random(400) < share_different, -0.05 / share_different, 0.0)
        ruled_out += tuned_wealth(units(values), -0.05, 0.05).first_above(-0.05, 0.05) is not None
    assert ruled_out / 600 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 600)


def test_symmetric_noise_around_the_null_is_ruled_out_in_at_most_5_of_100_runs():
    rng = np.random.default_rng(3)
    noise = rng.choice([-0.6, 0.0, 0.6], p=[0.15, 0.7, 0.15], size=(1000, 500))
    ruled_out = sum(tuned_wealth(units(row), 0.0, 0.05).first_above(0.0, 0.05) is not None for row in noise)
    assert ruled_out / 1000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)


def test_clusters_are_one_bet_each():
    """Ten copies of the same values, said to be clusters, are no more evidence than one."""
    rng = np.random.default_rng(4)
    values = rng.choice([-0.5, 0.0, 0.5], size=80)
    alone = tuned_wealth(units(values), -0.05, 0.05)
    copied = tuned_wealth(units(values * 10, sizes=[10] * 80, largest=10.0), -0.05, 0.05)
    assert copied.log(-0.05) == pytest.approx(alone.log(-0.05))


@given(DIFFERENCES, st.floats(-0.6, 0.6))
def test_wealth_falls_as_the_mean_grows_so_that_a_bound_tells_all(values, mean):
    wealth = tuned_wealth(units(values), mean, 0.05)
    assert (wealth.log(mean + 0.1) <= wealth.log(mean) + 1e-9).all()


@given(DIFFERENCES)
def test_the_bound_lies_above_a_mean_exactly_when_the_wealth_against_it_has_reached_the_level(values):
    wealth = tuned_wealth(units(values * 4), -0.05, 0.05)
    assert (wealth.bound(0.05, 1.0) >= -0.05) == (wealth.first_above(-0.05, 0.05) is not None)


@given(DIFFERENCES, DIFFERENCES)
def test_what_comes_later_changes_nothing_of_what_was(values, later):
    first = tuned_wealth(units(values), -0.05, 0.05).log(-0.05)
    both = tuned_wealth(units(values + later), -0.05, 0.05).log(-0.05)
    assert both[: len(values)] == pytest.approx(first)


@given(DIFFERENCES)
def test_wealth_never_ends(values):
    assert np.isfinite(tuned_wealth(units(values), 0.0, 0.05).log(0.0)).all()


def test_a_large_drop_is_found_in_some_tens_of_cases():
    rng = np.random.default_rng(5)
    drops = rng.choice([1.0, 0.0, -0.4], p=[0.35, 0.5, 0.15], size=(200, 200))
    found = [tuned_wealth(units(row), 0.0, 0.05).first_above(0.0, 0.05) for row in drops]
    assert all(found)
    assert np.mean(found) < 40


def test_nothing_drawn_rules_nothing_out():
    wealth = tuned_wealth(units([]), -0.05, 0.05)
    assert wealth.first_above(-0.05, 0.05) is None
    assert wealth.bound(0.05, 1.0) == -1.0


def test_a_mean_that_no_value_can_have_is_ruled_out_at_once():
    assert tuned_wealth(units([0.5], low=0.0), -0.02, 0.05).first_above(-0.02, 0.05) == 1


@pytest.mark.parametrize("gain", [0.0, -0.1, math.nan])
def test_a_gain_that_is_none_is_refused(gain):
    with pytest.raises(ValueError, match="gain"):
        tuned_wealth(units([0.0]), 0.0, gain)
    with pytest.raises(ValueError, match="gain"):
        ratio_wealth(units([0.0]), 0.5, gain)


@pytest.mark.service
def test_anytime_intervals_hold_the_mean_at_all_times_together():
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(300):
        scores = rng.beta(4, 1, 150)
        bounds = [anytime_interval(units(scores[:n], low=0.0)) for n in (1, 3, 10, 30, 70, 150)]
        missed += not all(low <= 0.8 <= high for low, high in bounds)
    assert missed / 300 <= 0.05


def test_an_anytime_interval_narrows_to_less_than_twice_the_fixed_one():
    scores = np.random.default_rng(7).beta(4, 1, 300)
    low, high = anytime_interval(units(scores, low=0.0))
    assert high - low < 2 * 2 * 1.96 * scores.std() / math.sqrt(300)


def test_an_interval_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        anytime_interval(units([], low=0.0))


@pytest.mark.service
def test_who_is_behind_with_few_units_left_bets_more_and_is_not_wrong_more_often():
    """Differences of mean 0, sd 0.27, at most 150 of them, as the power and the error of a bet on the margin 0.05."""
    rng = np.random.default_rng(8)
    noise = rng.choice([-0.6, 0.0, 0.6], p=[0.1, 0.8, 0.1], size=(600, 150))

    def decided(shift, horizon):
        rows = np.clip(noise + shift, -1, 1)
        return np.mean(
            [tuned_wealth(units(r), -0.05, 0.05, horizon).first_above(-0.05, 0.05) is not None for r in rows]
        )

    hurried, calm = decided(0.0, Horizon(150, 0.05)), decided(0.0, None)
    assert hurried > calm + 0.05
    assert decided(-0.05, Horizon(150, 0.05)) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 600)


def test_the_horizon_changes_no_stake_by_what_comes_later():
    values = np.random.default_rng(9).choice([-0.5, 0.0, 0.5], size=60)
    whole = tuned_wealth(units(values), -0.05, 0.05, Horizon(80, 0.05))
    part = tuned_wealth(units(values[:30]), -0.05, 0.05, Horizon(80, 0.05))
    assert whole.stakes[:30].tolist() == part.stakes.tolist()


def test_units_beyond_the_horizon_are_bet_on_without_hurry_and_change_no_stake_before_it():
    values = np.random.default_rng(10).choice([-0.5, 0.0, 0.5], size=120)
    planned = tuned_wealth(units(values[:80]), -0.05, 0.05, Horizon(80, 0.05))
    longer = tuned_wealth(units(values), -0.05, 0.05, Horizon(80, 0.05))
    calm = tuned_wealth(units(values), -0.05, 0.05)
    assert longer.stakes[:80].tolist() == planned.stakes.tolist()
    assert longer.stakes[80:].tolist() == calm.stakes[80:].tolist()
    assert (longer.stakes[:80] >= calm.stakes[:80]).all()


@pytest.mark.parametrize("horizon", [None, Horizon(60, 0.05)])
def test_what_is_expected_of_later_units_changes_nothing_of_what_was(horizon):
    values = np.random.default_rng(11).choice([-0.5, 0.0, 0.5], size=60)
    first = tuned_wealth(units(values), -0.05, 0.05, horizon, np.full(60, 0.06))
    other = tuned_wealth(units(values), -0.05, 0.05, horizon, np.repeat([0.06, 0.14], 30))
    assert first.stakes[:30].tolist() == other.stakes[:30].tolist()
    assert (first.stakes[30:] >= other.stakes[30:]).all()


@pytest.mark.service
def test_units_that_lose_all_at_once_do_not_pass_a_horizon_that_hurries():
    """1 unit in 20 is lost altogether, mean exactly -0.05: the bettor who may hurry errs 4.5 times in 100 at most."""
    rng = np.random.default_rng(12)
    for n in (62, 100):
        rows = -(rng.random((2000, n)) < 0.05).astype(float)
        passed = [tuned_wealth(units(r), -0.05, 0.05, Horizon(n, 0.045)).first_above(-0.05, 0.045) for r in rows]
        assert sum(each is not None for each in passed) / 2000 <= 0.045 + 2 * math.sqrt(0.045 * 0.955 / 2000)


def test_the_fastest_stake_is_that_of_the_growth_to_the_fourth_order():
    """Differences of five samples a case with variance 0.0446, 0.05 above what is bet against: 0.79 grows fastest."""
    values = np.array([0.0, 0.2, -0.2, 0.4, -0.4, 0.6, -0.6, 0.8, -0.8, 1.0, -1.0])
    chances = np.array([0.753, *np.repeat([0.0704, 0.0273, 0.01255, 0.00745, 0.0058], 2)])
    tried = np.linspace(0.5, 1.04, 109)
    growth = np.log1p(tried[:, np.newaxis] * (values + 0.05)) @ chances
    variance = float(values**2 @ chances)
    known = tuned_wealth(units([0.0]), -0.05, 0.05, expected=variance).stakes[0]
    assert known / 0.9 == pytest.approx(tried[growth.argmax()], abs=0.03)
