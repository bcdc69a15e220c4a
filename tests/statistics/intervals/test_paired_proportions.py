"""McNemar, Tango and Newcombe against published examples and oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from harness.statistics import mcnemar_test, newcombe_paired_interval, tango_interval

DISCORDANT = st.tuples(st.integers(0, 40), st.integers(0, 40))


@pytest.mark.parametrize(
    ("method", "p_value"), [("asymptotic", 0.034), ("corrected", 0.077), ("exact", 0.070), ("mid-p", 0.039)]
)
def test_p_values_are_those_of_fagerland_lydersen_and_laake_2013(method, p_value):
    """Airway hyper-responsiveness before and after transplantation (Bentur et al.): 1 against 7 discordant pairs."""
    assert p_value == round(mcnemar_test(1, 7, method), 3)


@given(DISCORDANT)
def test_p_values_agree_with_statsmodels(pair):
    b, c = pair
    if b + c:
        table = [[0, b], [c, 0]]
        exact, plain, corrected = (
            mcnemar(table, exact=exact, correction=correction).pvalue
            for exact, correction in ((True, False), (False, False), (False, True))
        )
        assert mcnemar_test(b, c, "exact") == pytest.approx(exact)
        assert mcnemar_test(b, c, "asymptotic") == pytest.approx(plain)
        if b != c:
            assert mcnemar_test(b, c, "corrected") == pytest.approx(corrected)


@given(DISCORDANT)
def test_p_values_do_not_depend_on_which_version_comes_first(pair):
    b, c = pair
    for method in ("mid-p", "exact", "asymptotic", "corrected"):
        p_value = mcnemar_test(b, c, method)
        assert 0 <= p_value <= 1
        assert p_value == pytest.approx(mcnemar_test(c, b, method))


@given(DISCORDANT)
def test_mid_p_lies_half_the_observed_tables_below_exact(pair):
    """Both tails carry the observed table where b and c differ, a single one where they are equal."""
    b, c = pair
    tables = 1 if b == c else 2
    expected = min(1, 2 * stats.binom.cdf(min(b, c), b + c, 0.5)) - tables * stats.binom.pmf(b, b + c, 0.5) / 2
    assert mcnemar_test(b, c) == pytest.approx(expected if b + c else 1.0)


def test_no_discordant_pair_says_nothing():
    assert {mcnemar_test(0, 0, method) for method in ("mid-p", "exact", "asymptotic", "corrected")} == {1.0}


def test_intervals_are_those_of_fagerland_lydersen_and_laake_2014():
    """Recommended tests and confidence intervals for paired binomial proportions, Statistics in Medicine 33:2850-2875:
    the same airway data, 21 pairs."""
    tango, newcombe = tango_interval(1, 7, 21), newcombe_paired_interval(1, 1, 7, 12)
    assert (round(tango.low, 3), round(tango.high, 3)) == (-0.517, -0.026)
    assert (round(newcombe.low, 3), round(newcombe.high, 3)) == (-0.507, -0.026)


def test_tangos_upper_bound_is_wilsons_where_all_discordant_pairs_favour_one_side():
    """With c = 0 the score variance at a difference D above b / n is n D (1 - D), as for a single proportion."""
    for b, n in ((3, 40), (0, 30), (12, 30)):
        wilson = stats.binomtest(b, n).proportion_ci(0.95, method="wilson")
        assert tango_interval(b, 0, n).high == pytest.approx(wilson.high)


@given(DISCORDANT, st.integers(0, 30), st.integers(0, 30), st.floats(0.6, 0.99))
def test_intervals_hold_the_difference_mirror_and_have_width(pair, a, d, level):
    b, c = pair
    n = a + b + c + d
    if not n:
        return
    intervals = (
        (tango_interval(b, c, n, level), tango_interval(c, b, n, level)),
        (newcombe_paired_interval(a, b, c, d, level), newcombe_paired_interval(a, c, b, d, level)),
    )
    for interval, mirrored in intervals:
        assert -1 <= interval.low <= (b - c) / n + 1e-9
        assert (b - c) / n - 1e-9 <= interval.high <= 1
        assert interval.high - interval.low > 1e-3
        assert interval.low == pytest.approx(-mirrored.high, abs=1e-9)


@pytest.mark.service
def test_tangos_interval_covers():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(2000):
        _, b, c = rng.multinomial(60, [0.9, 0.07, 0.03])
        interval = tango_interval(int(b), int(c), 60)
        hits += interval.low <= 0.04 <= interval.high
    assert hits / 2000 > 0.94


@pytest.mark.parametrize("arguments", [(-1, 2), (1.5, 2), (float("nan"), 1)])
def test_what_is_no_count_is_refused(arguments):
    with pytest.raises(ValueError, match="not a whole number of 0 or more"):
        mcnemar_test(*arguments)


def test_impossible_tables_are_refused():
    with pytest.raises(ValueError, match="can't hold"):
        tango_interval(3, 3, 5)
    with pytest.raises(ValueError, match="at least one pair"):
        newcombe_paired_interval(0, 0, 0, 0)
    with pytest.raises(ValueError, match="'mid-p', 'exact'"):
        mcnemar_test(1, 2, "midp")
