"""The mean over cases: known special cases, oracles, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS

from harness.statistics.intervals.means import clustered_mean, threshold_contrast
from harness.statistics.intervals.proportions import exact_lower
from tests.error_rates import is_at_most


def beta_binomial(rng, n_cases, n_samples, mean=0.9, correlation=0.5):
    """Binary scores whose samples of one case are correlated."""
    scale = 1 / correlation - 1
    rates = rng.beta(mean * scale, (1 - mean) * scale, n_cases)
    return (rng.random((n_cases, n_samples)) < rates[:, np.newaxis]).astype(float)


def test_scores_between_0_and_1_get_t_on_case_means():
    rng = np.random.default_rng(3)
    scores = rng.uniform(0, 1, (100, 1))
    estimate = clustered_mean(scores, confidence_level=0.9)
    means = scores.mean(axis=1)
    low, high = stats.t.interval(0.9, 99, means.mean(), stats.sem(means))
    assert estimate.standard_error == pytest.approx(stats.sem(means))
    assert high - low <= estimate.high - estimate.low <= 1.05 * (high - low)


def test_standard_error_over_clusters_is_that_of_statsmodels():
    rng = np.random.default_rng(4)
    clusters = rng.integers(0, 80, 400)
    values = 0.5 + 0.1 * np.clip(rng.normal(0, 1, 400) + 2 * rng.normal(0, 1, 80)[clusters], -5, 5)
    estimate = clustered_mean(values, clusters)
    fit = OLS(values, np.ones(400)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    low, high = fit.conf_int()[0]
    assert estimate.standard_error == pytest.approx(fit.bse[0])
    assert high - low <= estimate.high - estimate.low <= 1.2 * (high - low)


def test_a_cluster_for_each_case_changes_nothing():
    scores = beta_binomial(np.random.default_rng(5), 30, 4)
    alone, clustered = clustered_mean(scores), clustered_mean(scores, [f"c{i}" for i in range(30)])
    assert (alone.low, alone.high) == (pytest.approx(clustered.low), pytest.approx(clustered.high))


def test_dependent_cases_widen_the_interval():
    scores = np.repeat(beta_binomial(np.random.default_rng(6), 20, 5), 3, axis=0)
    alone, clustered = clustered_mean(scores), clustered_mean(scores, np.repeat(np.arange(20), 3))
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)


def test_every_case_weighs_the_same_however_many_samples_it_has():
    scores = np.array([[1, 1, 1, 1], [0, np.nan, np.nan, np.nan]])
    assert clustered_mean(scores).value == 0.5


def test_cases_without_a_sample_are_left_out():
    scores = beta_binomial(np.random.default_rng(7), 25, 4)
    padded = np.vstack([scores, np.full((3, 4), np.nan)])
    assert clustered_mean(scores) == clustered_mean(padded)
    assert clustered_mean(scores, range(25)) == clustered_mean(padded, range(28))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.7])
@pytest.mark.parametrize("shape", [(1, 1), (1, 10), (2, 1), (30, 5)])
def test_equal_scores_still_give_an_interval_with_width(value, shape):
    estimate = clustered_mean(np.full(shape, value))
    assert estimate.value == value
    assert 0 <= estimate.low <= value <= estimate.high <= 1
    assert estimate.high - estimate.low > 0.05
    assert math.isfinite(estimate.standard_error)


@pytest.mark.parametrize(
    ("scores", "clusters", "message"),
    [
        (np.zeros((2, 2, 2)), None, "3 dimensions"),
        ([], None, "is empty"),
        (np.full((3, 2), np.nan), None, "every sample is missing"),
        ([0.5, math.inf], None, "infinite"),
        ([0.5, 0.6], ["a"], "1 entries for 2 cases"),
    ],
)
def test_wrong_input_is_refused(scores, clusters, message):
    with pytest.raises(ValueError, match=message):
        clustered_mean(scores, clusters)


def test_scores_outside_the_stated_bounds_are_refused():
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        clustered_mean([0.5, 1.5])


MATRICES = st.integers(2, 25).flatmap(
    lambda n: st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=3, max_size=3), min_size=n, max_size=n)
)


@pytest.mark.service
@given(MATRICES, st.randoms())
def test_order_of_cases_and_samples_does_not_matter(rows, random):
    shuffled = [random.sample(row, len(row)) for row in random.sample(rows, len(rows))]
    first, second = clustered_mean(rows), clustered_mean(shuffled)
    assert (first.low, first.high) == (pytest.approx(second.low), pytest.approx(second.high))


@pytest.mark.service
@given(MATRICES)
def test_swapping_right_and_wrong_mirrors_the_interval(rows):
    scores = np.array(rows)
    first, second = clustered_mean(scores), clustered_mean(1 - scores)
    assert first.low == pytest.approx(1 - second.high, abs=1e-12)
    assert first.high == pytest.approx(1 - second.low, abs=1e-12)


@pytest.mark.service
@given(MATRICES)
def test_a_higher_level_widens_the_interval(rows):
    narrow, wide = clustered_mean(rows, confidence_level=0.8), clustered_mean(rows, confidence_level=0.95)
    assert wide.low <= narrow.low + 1e-12
    assert wide.high >= narrow.high - 1e-12


@pytest.mark.service
@pytest.mark.parametrize(
    ("n_samples", "n_cases", "goal"),
    [(1, 20, 0.92), (5, 20, 0.92), (10, 20, 0.92), (30, 20, 0.90), (1, 50, 0.94), (5, 50, 0.94), (10, 200, 0.94)],
)
def test_interval_covers_the_mean_as_often_as_promised(n_samples, n_cases, goal):
    """Mean 0.9, correlation 0.5 within a case; less than the goal by no more than the simulation's own error."""
    rng = np.random.default_rng([n_cases, n_samples])
    runs = 2_000
    hits = 0
    for _ in range(runs):
        estimate = clustered_mean(beta_binomial(rng, n_cases, n_samples))
        hits += estimate.low <= 0.9 <= estimate.high
    assert hits / runs >= goal - 2 * math.sqrt(goal * (1 - goal) / runs)


@pytest.mark.parametrize("n_cases", [20, 100, 200])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_one_sample_a_case_is_wrong_as_often_as_the_level_says_whatever_the_rate(n_cases, level):
    """By brute force over all counts; Clopper and Pearson's is narrower by 2 % at 50 cases of which 45 are right."""
    counts = range(n_cases + 1)
    bounds = [threshold_contrast(np.arange(n_cases) < count, 0.0).upper(1 - level) for count in counts]
    for rate in np.linspace(0.005, 0.995, 199):
        wrong = stats.binom.pmf(counts, n_cases, rate)[np.array(bounds) < rate].sum()
        assert wrong <= 1.04 * level


def test_few_wrong_ones_have_clopper_and_pearsons_bounds():
    scores = np.repeat([[1.0]] * 93 + [[0.0]] * 7, 5, axis=1)
    contrast = threshold_contrast(scores, 0.9)
    assert contrast.lower(0.95) == pytest.approx(exact_lower(93, 100, 0.05) - 0.9, abs=0.001)
    assert contrast.upper(0.95) == pytest.approx(0.1 - exact_lower(7, 100, 0.05), abs=0.01)
    exact = stats.binomtest(93, 100, 0.97, alternative="less").pvalue
    assert exact <= threshold_contrast(scores, 0.97).p_less <= 2 * exact
    assert threshold_contrast(np.ones(100), 0.9).lower(0.95) == pytest.approx(exact_lower(100, 100, 0.05) - 0.9)


@pytest.mark.parametrize("kind", ["binary", "agreeing", "thin", "continuous", "clustered"])
def test_p_value_is_below_a_level_exactly_when_the_upper_bound_is_below_the_threshold(kind):
    rng = np.random.default_rng(8)
    clusters = None
    for _ in range(25):
        scores = beta_binomial(rng, 40, 1 if kind == "agreeing" else 5)
        if kind == "thin":
            scores = np.where(rng.random((40, 1)) < 0.05, 0.3, 0.9)
        elif kind == "continuous":
            scores = rng.uniform(0.4, 1, (40, 3))
        elif kind == "clustered":
            clusters = np.arange(40) // 4
        contrast = threshold_contrast(scores, 0.93, clusters)
        if 1e-9 < contrast.p_less < 0.5:
            assert contrast.upper(1 - contrast.p_less * 1.001) < 0 <= contrast.upper(1 - contrast.p_less * 0.999)


@pytest.mark.service
@pytest.mark.parametrize("n_samples", [1, 10])
def test_a_threshold_is_called_met_or_missed_wrongly_at_most_5_times_in_100(n_samples):
    rng = np.random.default_rng(n_samples)
    runs = 2_000
    contrasts = [threshold_contrast(beta_binomial(rng, 100, n_samples), 0.9) for _ in range(runs)]
    margin = 2 * math.sqrt(0.05 * 0.95 / runs)
    assert np.mean([contrast.lower(0.95) > 0 for contrast in contrasts]) <= 0.05 + margin
    assert np.mean([contrast.upper(0.95) < 0 for contrast in contrasts]) <= 0.05 + margin


@pytest.mark.nightly
@pytest.mark.parametrize(("n_cases", "n_samples"), [(20, 5), (20, 10), (50, 5), (100, 10), (200, 5)])
@pytest.mark.parametrize(("threshold", "margin"), [(0.95, 0.03), (0.98, 0.05)])
def test_near_1_samples_that_resemble_each_other_are_wrong_at_most_5_times_in_100(
    n_cases, n_samples, threshold, margin
):
    """Correlations of 0.6 and 0.9 within a case. Wilson's upper bound made 0.065 of them red, and without what 20 cases
    can't show 0.09 were green.
    """
    for correlation in (0.6, 0.9):
        rng, size = np.random.default_rng([n_cases, n_samples, int(100 * correlation)]), 1 / correlation - 1

        def contrast(mean, rng=rng, size=size):
            rates = rng.beta(mean * size, (1 - mean) * size, n_cases)[:, np.newaxis]
            return threshold_contrast((rng.random((n_cases, n_samples)) < rates).astype(float), threshold)

        assert is_at_most(0.05, lambda contrast=contrast: contrast(threshold).upper(0.95) < 0, 600)
        assert is_at_most(0.05, lambda contrast=contrast: contrast(threshold - margin).lower(0.95) > -margin, 600)
