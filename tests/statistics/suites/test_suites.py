"""Contrasts about the very cases of a suite: published values, what no sample shows, error rates, wrong input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics.intervals.proportions import exact_lower
from harness.statistics.suites.suites import suite_contrast, suite_threshold_contrast

LEVELS = (0.045, 0.0225, 0.0025)


def drawn(rng, rates, n_samples):
    return (rng.random((len(rates), n_samples)) < rates[:, np.newaxis]).astype(float)


def test_the_samples_of_one_case_have_the_degrees_of_freedom_of_welch():
    """Welch (1947), here the worked example of Wikipedia, Welch's t-test, example 3: 15 and 15 numbers, t = -2.46, 24.9
    degrees of freedom with unequal variances; scores are hundredths."""
    first = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
    second = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4]
    contrast = suite_contrast(np.array([first]) / 100, np.array([second]) / 100)
    oracle = stats.ttest_ind(first, second, equal_var=False)
    assert round(contrast.value / contrast.standard_error, 2) == -2.46
    assert contrast.degrees == pytest.approx(oracle.df)


def test_the_variance_is_that_within_cases_however_far_they_lie_apart():
    rng = np.random.default_rng(1)
    candidate, baseline = drawn(rng, np.linspace(0, 1, 30), 6), drawn(rng, np.linspace(0, 1, 30), 4)
    variance = (candidate.var(axis=1, ddof=1) / 6 + baseline.var(axis=1, ddof=1) / 4).sum() / 30**2
    assert suite_contrast(candidate, baseline).standard_error == pytest.approx(math.sqrt(variance))


@pytest.mark.parametrize("losses", [0, 1, 2, 5])
def test_rare_losses_have_garwoods_bound(losses):
    """Garwood (1936), upper 95 % bounds of a Poisson mean after 0, 1, 2, 5 events: 3.00, 4.74, 6.30, 10.51."""
    candidate = np.ones((5, 2000))
    candidate[:losses, 0] = 0
    lower = suite_contrast(candidate, np.ones((5, 2000))).lower(0.95)
    published = {0: 3.00, 1: 4.74, 2: 6.30, 5: 10.51}[losses]
    assert lower == pytest.approx(-published / 10_000, rel=0.003)


@pytest.mark.parametrize(("n_cases", "n_samples"), [(59, 1), (20, 3), (1, 5)])
def test_no_loss_against_a_threshold_has_clopper_and_pearsons_bound(n_cases, n_samples):
    contrast = suite_threshold_contrast(np.ones((n_cases, n_samples)), 0.9)
    assert contrast.lower(0.95) == pytest.approx(exact_lower(n_cases * n_samples, n_cases * n_samples, 0.05) - 0.9)
    assert contrast.upper(0.95) == pytest.approx(0.1)


def test_what_is_unseen_is_the_least_that_any_split_of_the_loss_allows():
    """Cases with 2, 3 and 10 samples: no split of a loss of this size stays unseen with a chance above the level."""
    draws = np.array([2, 3, 10])
    scores = np.where(np.arange(10) < draws[:, np.newaxis], 1.0, np.nan)
    loss = 1 - suite_threshold_contrast(scores, 0.0).lower(0.95)
    first, second = np.meshgrid(np.linspace(0, 1, 500), np.linspace(0, 1, 500))
    third = 3 * loss - first - second
    possible = (third >= 0) & (third <= 1)
    chances = ((1 - first) ** 2 * (1 - second) ** 3 * (1 - np.clip(third, 0, 1)) ** 10)[possible]
    assert 0.0495 < chances.max() <= 0.05 + 1e-9


def test_all_samples_alike_prove_nothing_beyond_their_number():
    """Against a baseline both versions may hide something, here 2 * (1 - 0.05^(1/12))."""
    contrast = suite_contrast(np.full((2, 3), 0.8), np.full((2, 3), 0.8))
    assert contrast.lower(0.95) == pytest.approx(-2 * (1 - 0.05 ** (1 / 12)))
    assert contrast.upper(0.95) == pytest.approx(2 * (1 - 0.05 ** (1 / 12)))
    assert contrast.p_less == 1


def test_five_cases_of_equal_scores_pass_nothing():
    assert suite_contrast(np.full((5, 1), 0.80), np.full((5, 1), 0.81)).lower(0.955) < -0.05


def test_a_case_asked_twice_counts_once():
    rng = np.random.default_rng(3)
    candidate, baseline = rng.random((2, 20, 4))
    once = suite_contrast(candidate, baseline)
    labels = np.repeat(np.arange(20), 3)
    thrice = suite_contrast(np.repeat(candidate, 3, axis=0), np.repeat(baseline, 3, axis=0), labels)
    for level in (0.955, 0.9975):
        assert thrice.lower(level) == pytest.approx(once.lower(level))
        assert thrice.upper(level) == pytest.approx(once.upper(level))


def test_with_one_sample_a_case_the_spread_over_cases_stands_for_the_noise():
    rng = np.random.default_rng(4)
    candidate, baseline = drawn(rng, np.full(40, 0.7), 1), drawn(rng, np.full(40, 0.7), 1)
    contrast = suite_contrast(candidate, baseline)
    assert contrast.standard_error == pytest.approx(stats.sem((candidate - baseline)[:, 0]))
    assert "for want of samples" in contrast.method


def test_missing_samples_and_cases_are_left_out():
    nan = math.nan
    contrast = suite_contrast([[1, 0, nan], [nan, nan, nan], [1, 1, 1]], [[1, 1], [1, 0], [0, nan]])
    assert contrast.value == pytest.approx((-0.5 + 1) / 2)


@pytest.mark.service
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 5]), st.sampled_from([0.2, 0.04, 0.003]))
def test_the_p_value_says_what_the_upper_bound_says(seed, n_samples, level):
    rng = np.random.default_rng(seed)
    rates = rng.random(6)
    contrast = suite_contrast(drawn(rng, rates * rng.random(), n_samples), drawn(rng, rates, 5))
    assert (contrast.upper(1 - level) < 0) == (contrast.p_less < level)
    assert contrast.lower(1 - level) <= contrast.value <= contrast.upper(1 - level)
    assert contrast.upper(1 - level / 2) >= contrast.upper(1 - level)


def lost(n_cases, share):
    """Rates of 1, of which the first cases lose so much that the mean is lower by the share."""
    rates = np.ones(n_cases)
    flaky = max(1, 2 * math.ceil(n_cases * share) if n_cases * share >= 1 else 1)
    rates[:flaky] -= n_cases * share / flaky
    return rates


@pytest.mark.service
@pytest.mark.parametrize(
    ("name", "candidate", "baseline", "n_samples"),
    [
        ("one flaky case", lost(10, 0.05), np.ones(10), 2),
        ("few flaky cases", lost(50, 0.05), np.ones(50), 5),
        ("spread over all", np.full(50, 0.95), np.ones(50), 2),
        ("near 1", np.full(20, 0.94), np.full(20, 0.99), 5),
        ("one sample", np.full(50, 0.65), np.full(50, 0.70), 1),
        ("two cases", np.full(2, 0.45), np.full(2, 0.5), 2),
    ],
)
def test_a_drop_of_the_margin_passes_as_seldom_as_promised(name, candidate, baseline, n_samples):
    rng = np.random.default_rng([5, len(name)])
    passed = np.zeros(3)
    red = np.zeros(3)
    gates = 400
    for _ in range(gates):
        contrast = suite_contrast(drawn(rng, candidate, n_samples), drawn(rng, baseline, n_samples))
        passed += [contrast.lower(1 - level) > -0.05 for level in LEVELS]
        same = suite_contrast(drawn(rng, baseline, n_samples), drawn(rng, baseline, n_samples))
        red += [same.upper(1 - level) < 0 for level in LEVELS]
    for level, green_share, red_share in zip(LEVELS, passed / gates, red / gates, strict=True):
        assert max(green_share, red_share) <= level + 2.5 * math.sqrt(level * (1 - level) / gates), (name, level)


def test_a_rare_zero_among_graded_scores_is_not_overlooked():
    rng = np.random.default_rng(6)
    for n_cases in (10, 50):
        passed = 0
        for _ in range(500):
            candidate = np.where(rng.random((n_cases, 2)) < 0.0625, 0.0, 0.8)
            passed += suite_contrast(candidate, np.full((n_cases, 2), 0.8)).lower(0.955) > -0.05
        assert passed <= 22.5 + 2.5 * math.sqrt(22.5)


@pytest.mark.parametrize(("n_cases", "n_samples", "wanted"), [(50, 10, 0.92), (100, 5, 0.92)])
def test_the_same_version_passes(n_cases, n_samples, wanted):
    rng = np.random.default_rng(7)
    passed = 0
    for _ in range(300):
        rates = rng.beta(0.569, 0.096, n_cases)
        contrast = suite_contrast(drawn(rng, rates, n_samples), drawn(rng, rates, n_samples))
        passed += contrast.lower(0.955) > -0.05
    assert passed / 300 > wanted


@pytest.mark.parametrize(
    ("candidate", "baseline", "message"),
    [
        ([0.5, 1.5], [0.5, 0.5], r"candidate lie between 0.5 and 1.5"),
        ([0.5], [0.5, 0.5], "pair them case by case"),
        ([math.nan], [0.5], "No case has a score of both"),
    ],
)
def test_wrong_input_is_refused(candidate, baseline, message):
    with pytest.raises(ValueError, match=message):
        suite_contrast(candidate, baseline)
    with pytest.raises(ValueError, match="holds no number"):
        suite_threshold_contrast([[math.nan]], 0.5)


def test_two_samples_a_case_do_not_tell_which_way_they_are_skewed():
    """With the skewness taken for 0, this drop at a level of 0.0225 passes in 0.026 of the gates (100,000)."""
    candidate, baseline = np.ones((100, 2)), np.ones((100, 2))
    candidate[:4, 0] = 0
    contrast = suite_contrast(candidate, baseline)
    assert (contrast.falls, contrast.rises) == (0, 0)
    assert contrast.lower(1 - 0.0225) < -0.05
