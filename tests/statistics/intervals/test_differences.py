"""The paired difference: agreement with the paired t test, honest bounds where few cases differ, error rates."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS

from harness.gate.planning.simulation import ScoreSpread, Shape
from harness.statistics.intervals.means import paired_contrast, paired_difference, threshold_contrast
from harness.statistics.intervals.proportions import exact_lower
from tests.error_rates import is_at_most
from tests.simulated import simulated


def drawn(rng, rates, n_samples):
    return (rng.random((len(rates), n_samples)) < rates[:, np.newaxis]).astype(float)


def test_ordinary_scores_give_the_paired_t_test():
    rng = np.random.default_rng(1)
    baseline, candidate = rng.uniform(0, 1, (50, 1)), rng.uniform(0, 0.8, (50, 1))
    result = paired_difference(candidate, baseline, bounded=False)
    oracle = stats.ttest_rel(candidate.mean(axis=1), baseline.mean(axis=1))
    interval = oracle.confidence_interval(0.95)
    assert result.p_value == pytest.approx(oracle.pvalue)
    assert (result.low, result.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert result.method == "paired t on case means, 49 df"
    inside, width = paired_difference(candidate, baseline), interval.high - interval.low
    assert width <= inside.high - inside.low <= 1.1 * width


def test_binary_samples_of_many_flaky_cases_give_the_paired_t_test():
    rng = np.random.default_rng(2)
    rates = rng.uniform(0, 1, 200)
    candidate, baseline = drawn(rng, rates, 5), drawn(rng, rates, 5)
    oracle = stats.ttest_rel(candidate.mean(axis=1), baseline.mean(axis=1))
    assert paired_difference(candidate, baseline, bounded=False).p_value == pytest.approx(oracle.pvalue)
    assert oracle.pvalue <= paired_difference(candidate, baseline).p_value <= oracle.pvalue + 0.02


def test_unbounded_measures_give_the_paired_t_test():
    rng = np.random.default_rng(3)
    candidate, baseline = rng.normal(10, 2, (12, 3)), rng.normal(9, 2, (12, 3))
    oracle = stats.ttest_rel(candidate.mean(axis=1), baseline.mean(axis=1))
    assert paired_difference(candidate, baseline).p_value == pytest.approx(oracle.pvalue)


def test_student_1908_sleep_data():
    """Student (1908), The probable error of a mean, Biometrika 6:1-25: t = 4.06 with 9 degrees of freedom."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    result = paired_difference(second, first)
    assert round(result.value, 2) == 1.58
    assert round(result.value / result.standard_error, 2) == 4.06
    assert round(result.p_value, 4) == 0.0028


def test_standard_error_over_clusters_is_that_of_statsmodels():
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(15), 4)
    candidate = rng.normal(0, 1, 60) + rng.normal(0, 1, 15)[clusters]
    fit = OLS(candidate, np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    result = paired_difference(candidate, np.zeros(60), clusters)
    assert (result.standard_error, result.p_value) == (pytest.approx(fit.bse[0]), pytest.approx(fit.pvalues[0]))


def test_no_case_differs_the_bound_is_the_exact_one_for_no_loss():
    """0 of 59 rules out 5 % at level 0.95 (rule of three)."""
    contrast = paired_contrast(np.ones((59, 10)), np.ones((59, 10)))
    exact = 1 - exact_lower(59, 59, 0.05)
    assert contrast.value == 0
    assert contrast.lower(0.95) == pytest.approx(-exact)
    assert contrast.upper(0.95) > 0.04
    assert contrast.p_less == 1


def test_a_few_flips_are_judged_like_mcnemar_and_not_like_t():
    """4 cases of 100 broke, none mended: t says p = 0.0225, the exact sign test 0.0625, mid-p 0.031."""
    candidate = np.repeat([[0.0]] * 4 + [[1.0]] * 96, 5, axis=1)
    baseline = np.ones((100, 5))
    contrast = paired_contrast(candidate, baseline)
    assert stats.ttest_rel(candidate[:, 0], baseline[:, 0], alternative="less").pvalue == pytest.approx(
        0.02247, abs=1e-5
    )
    assert 0.031 <= contrast.p_less <= 0.0625
    assert contrast.lower(0.95) == pytest.approx(exact_lower(96, 100, 0.05) - 1, abs=0.005)


@pytest.mark.parametrize("value", [0.0, -0.2, 1.0, -1.0])
@pytest.mark.parametrize("n_cases", [1, 2, 60])
def test_equal_differences_still_give_an_interval_with_width(value, n_cases):
    baseline = np.full((n_cases, 3), max(0.0, -value))
    result = paired_difference(baseline + value, baseline)
    assert -1 <= result.low <= value <= result.high <= 1
    assert result.high - result.low > 0.01
    assert math.isfinite(result.standard_error)


def test_one_figure_repeated_in_both_versions_has_no_finite_interval():
    result = paired_difference(np.full(30, 269.0), np.full(30, 269.0))
    assert (result.value, result.low, result.high, result.p_value) == (0.0, -math.inf, math.inf, 1.0)


def test_cases_that_lack_a_version_are_left_out():
    candidate = np.array([[1, 1], [0, 1], [np.nan, np.nan], [1, 0], [0, 0]])
    baseline = np.array([[1, 0], [1, 1], [1, 1], [1, np.nan], [np.nan, np.nan]])
    kept = [0, 1, 3]
    assert paired_difference(candidate, baseline) == paired_difference(candidate[kept], baseline[kept])
    with pytest.raises(ValueError, match="No case has a score of both"):
        paired_difference([[np.nan], [1]], [[1], [np.nan]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0], [1]), "2 cases, baseline 1"),
        (([1, 0], [1, 1], [1]), "1 entries for 2 cases"),
        (([1, 0], [1, 1], None, 95), "write 0.95"),
        (([1, math.inf], [1, 1]), "infinite"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(*arguments)


SCORES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
PAIRS = st.integers(2, 30).flatmap(
    lambda n: st.tuples(*(st.lists(st.lists(SCORES, min_size=2, max_size=2), min_size=n, max_size=n) for _ in "ab"))
)


@pytest.mark.service
@given(PAIRS)
def test_swapping_the_versions_mirrors_everything(pair):
    candidate, baseline = pair
    one, other = paired_difference(candidate, baseline), paired_difference(baseline, candidate)
    assert one.value == pytest.approx(-other.value, abs=1e-12)
    assert one.low == pytest.approx(-other.high, abs=1e-9)
    assert one.high == pytest.approx(-other.low, abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value)


@pytest.mark.service
@given(PAIRS, st.randoms())
def test_order_of_cases_does_not_matter(pair, random):
    order = random.sample(range(len(pair[0])), len(pair[0]))
    one = paired_difference(*pair)
    other = paired_difference(*([rows[i] for i in order] for rows in pair))
    assert (one.low, one.high) == (pytest.approx(other.low), pytest.approx(other.high))


@pytest.mark.service
@given(PAIRS, st.floats(0.55, 0.9), st.floats(0.001, 0.09))
def test_bounds_widen_with_the_level_and_hold_the_value(pair, level, more):
    contrast = paired_contrast(*pair)
    assert contrast.lower(level + more) <= contrast.lower(level) + 1e-12
    assert contrast.upper(level + more) >= contrast.upper(level) - 1e-12
    assert contrast.lower(level) <= contrast.value + 1e-12
    assert contrast.upper(level) >= contrast.value - 1e-12


@pytest.mark.service
@given(PAIRS, st.floats(0.0005, 0.49))
def test_p_value_is_below_a_level_exactly_when_the_upper_bound_is_below_0(pair, level):
    contrast = paired_contrast(*pair)
    if abs(contrast.p_less / level - 1) > 1e-6:
        assert (contrast.p_less < level) == (contrast.upper(1 - level) < 0)


@pytest.mark.service
def test_a_pass_at_the_margin_is_rare_where_a_few_cases_flip():
    """5 % of the cases break, margin 0.05: t passes 12 of 100 such versions at 100 cases, these bounds at most 5."""
    rng = np.random.default_rng(11)
    runs, passed, by_t = 2_000, 0, 0
    for _ in range(runs):
        broken = rng.random(100) < 0.05
        candidate = np.where(broken, 0.0, 1.0)
        contrast = paired_contrast(candidate, np.ones(100))
        passed += contrast.lower(0.95) > -0.05
        by_t += contrast.value - stats.t.ppf(0.95, 99) * contrast.standard_error > -0.05
    assert by_t / runs > 0.08
    assert passed / runs <= 0.05


def one_in_20_lost(rng, n_cases, n_samples):
    """A drop of 0.05 over all cases that there could be: one in 18 is never right again, all are noisy."""
    rates = rng.beta(0.9, 0.1, n_cases)
    lost = rng.random(n_cases) < 0.05 / 0.9
    return drawn(rng, np.where(lost, 0.0, rates), n_samples), drawn(rng, rates, n_samples)


@pytest.mark.parametrize(("n_cases", "n_samples"), [(20, 10), (50, 5)])
def test_one_case_in_20_lost_among_noisy_ones_is_green_in_at_most_5_of_100(n_cases, n_samples):
    """The noise of binary samples tells nothing of cases that are not there: trusted, it was green in 0.12 at 20."""
    rng = np.random.default_rng([14, n_cases])
    is_green = lambda: paired_contrast(*one_in_20_lost(rng, n_cases, n_samples)).lower(0.95) > -0.05  # noqa: E731
    assert is_at_most(0.05, is_green, 400)


@pytest.mark.nightly
@pytest.mark.parametrize(("n_cases", "n_samples"), [(20, 2), (50, 2), (50, 10), (100, 2), (200, 5)])
def test_no_kind_of_loss_of_the_margin_is_green_in_more_than_5_of_100(n_cases, n_samples):
    """As the decision on cases like these has it; nothing is greener than 0.65 for the same version at 50 × 10."""
    rng, runs, ones = np.random.default_rng([15, n_cases, n_samples]), 2_000, np.ones(n_cases)
    green = np.zeros(5)
    for _ in range(runs):
        rates, even = rng.beta(0.9, 0.1, n_cases), rng.uniform(0.65, 1, n_cases)
        gates = [
            one_in_20_lost(rng, n_cases, n_samples),
            (drawn(rng, 0.9 * ones, n_samples), drawn(rng, 0.95 * ones, n_samples)),
            (drawn(rng, np.where(rng.random(n_cases) < 0.1, 0.5, 1.0), n_samples), np.ones((n_cases, n_samples))),
            (drawn(rng, even - 0.05, n_samples), drawn(rng, even, n_samples)),
            (drawn(rng, rates * (1 - 0.05 / 0.9), n_samples), drawn(rng, rates, n_samples)),
        ]
        green += [paired_contrast(*gate, bounded=True).lower(0.95) > -0.05 for gate in gates]
    assert (green / runs).max() <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.service
@pytest.mark.parametrize(("n_cases", "n_samples"), [(50, 1), (100, 5), (200, 10)])
def test_error_rates_at_the_margin_and_between_equals(n_cases, n_samples):
    rng = np.random.default_rng([n_cases, n_samples])
    runs, passed, red = 1_000, 0, 0
    for _ in range(runs):
        rates = rng.beta(0.9, 0.1, n_cases)
        baseline = drawn(rng, rates, n_samples)
        passed += paired_contrast(drawn(rng, rates * (1 - 0.05 / 0.9), n_samples), baseline).lower(0.95) > -0.05
        red += paired_contrast(drawn(rng, rates, n_samples), baseline).upper(0.95) < 0
    allowed = 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)
    assert passed / runs <= allowed
    assert red / runs <= allowed


@pytest.mark.service
def test_power_is_that_of_the_paired_t_test_within_2_points():
    rng = np.random.default_rng(12)
    runs, here, student = 600, 0, 0
    for _ in range(runs):
        rates = rng.beta(0.9, 0.1, 150)
        candidate, baseline = drawn(rng, rates * 0.95, 5), drawn(rng, rates, 5)
        here += paired_contrast(candidate, baseline).p_less < 0.05
        oracle = stats.ttest_rel(candidate.mean(axis=1), baseline.mean(axis=1), alternative="less")
        student += oracle.pvalue < 0.05
    assert abs(here - student) / runs <= 0.02


@pytest.mark.service
def test_a_pass_is_as_likely_as_by_the_paired_t_test_within_2_points_and_wrong_less_often():
    """30 in 100 of 200 cases differ; t alone passes a drop of the margin in 5.6 of 100 runs (`make bench`)."""
    shape, runs = Shape(cases=200, spread=ScoreSpread(mean=0.856, correlation=0.6, differing=0.3)), 500
    passed = {}
    for drop in (0.0, 0.05):
        here = student = 0
        for run in range(runs):
            entry = simulated(shape, drop, np.random.default_rng([13, run]))
            here += paired_contrast(entry.candidate, entry.baseline).lower(0.95) > -0.05
            both = entry.candidate.mean(axis=1), entry.baseline.mean(axis=1)
            student += stats.ttest_rel(*both, alternative="greater").confidence_interval(0.95).low > -0.05
        passed[drop] = here / runs, student / runs
    assert passed[0.0][1] - passed[0.0][0] <= 0.03
    assert passed[0.05][0] < passed[0.05][1]
    assert passed[0.05][0] <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("n_cases", [60, 800])
def test_cases_lost_altogether_have_the_exact_bound_however_many_they_are(n_cases):
    lost = n_cases // 20
    contrast = paired_contrast(np.arange(n_cases) >= lost, np.ones(n_cases))
    exact = 1 - exact_lower(n_cases - lost, n_cases, 0.05)
    assert contrast.lower(0.95) == pytest.approx(-exact, rel=0.04)
    assert contrast.lower(0.95) < -0.999 * exact < contrast.value


def test_differences_that_are_equal_but_for_rounding_have_no_spread():
    """0.6 - 0.2 and 0.8 - 0.4 differ in the last digit: no evidence of anything, from two cases."""
    rounded, exact = paired_difference([0.2, 0.4], [0.6, 0.8]), paired_difference([0.25, 0.25], [0.75, 0.75])
    assert rounded.high > 0
    assert rounded.p_value > 0.05
    assert exact.high > 0


def test_equal_differences_of_a_measure_say_nothing_of_its_spread():
    result = paired_difference([5.0] * 10, [3.0] * 10)
    assert (result.low, result.high, result.p_value) == (-math.inf, math.inf, 1.0)


def graded_loss(rng, n_cases, share):
    """Scores of 0.8 with a little noise; a share of the cases falls to 0."""
    candidate, baseline = 0.8 + 0.05 * (rng.random((2, n_cases, 1)) - 0.5)
    return np.where(rng.random((n_cases, 1)) < share, 0.0, candidate), baseline


@pytest.mark.service
@pytest.mark.parametrize("n_cases", [10, 20, 50, 100])
def test_a_rare_loss_of_graded_scores_is_not_overlooked_nor_its_mirror_image_called_worse(n_cases):
    """6 % of the cases fall from 0.8 to 0: t alone passes that in 0.51 of the gates of 10 cases, 0.31 of 20."""
    rng = np.random.default_rng([11, n_cases])
    green = red = above = 0
    gates = 400
    for _ in range(gates):
        candidate, baseline = graded_loss(rng, n_cases, 0.06)
        green += paired_contrast(candidate, baseline).lower(0.95) > -0.048
        above += threshold_contrast(candidate, 0.752).lower(0.95) > 0
        # Few gain much, all others lose a little: the same on average.
        red += paired_contrast(np.clip(baseline - 0.048, 0, 1), candidate).upper(0.95) < 0
    assert max(green, red, above) <= gates * 0.05 + 2 * math.sqrt(gates * 0.05 * 0.95)


@pytest.mark.parametrize("n_cases", [2, 5])
def test_a_handful_of_equal_graded_scores_passes_nothing(n_cases):
    contrast = paired_contrast(np.full((n_cases, 1), 0.80), np.full((n_cases, 1), 0.81))
    assert contrast.lower(0.95) <= -0.01 - 0.99 * (1 - 0.05 ** (1 / n_cases)) + 1e-12
    assert contrast.p_less == 0.5
    assert threshold_contrast(np.full((n_cases, 1), 0.80), 0.75).lower(0.95) < 0


def test_clusters_of_cases_show_less_than_as_many_cases():
    scores = np.linspace(0.7, 0.72, 60)[:, np.newaxis]
    alone, together = (paired_contrast(scores, scores, labels) for labels in (None, np.arange(60) // 3))
    assert alone.lower(0.95) == pytest.approx(-(1 - 0.05 ** (1 / 60)), abs=0.01)
    assert together.lower(0.95) <= -(1 - 0.05 ** (1 / 20))


@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.04, 0.003]))
def test_the_p_value_of_graded_scores_says_what_the_upper_bound_says(seed, level):
    rng = np.random.default_rng(seed)
    candidate, baseline = graded_loss(rng, int(rng.integers(2, 60)), rng.random() / 3)
    contrast = paired_contrast(candidate, baseline)
    assert (contrast.upper(1 - level) < 0) == (contrast.p_less < level)


@pytest.mark.service
@pytest.mark.parametrize("spread", [0.3, 0.5])
def test_graded_scores_pass_as_often_as_by_t_where_t_is_right(spread):
    rng = np.random.default_rng(12)
    ours = students = 0
    for _ in range(300):
        candidate, baseline = np.clip(0.5 + rng.normal(0, spread / 2, (2, 100, 1)), 0, 1)
        ours += paired_contrast(candidate, baseline).lower(0.95) > -0.1
        differences = (candidate - baseline)[:, 0]
        students += differences.mean() - stats.t.ppf(0.95, 99) * stats.sem(differences) > -0.1
    assert ours >= students - 0.02 * 300
