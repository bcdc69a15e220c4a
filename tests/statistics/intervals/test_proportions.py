"""Wilson and Clopper-Pearson against published tables and statsmodels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from harness.statistics.intervals.proportions import Interval, exact_lower, wilson_interval

COUNTS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVELS = st.floats(0.5, 0.999)


def exact_interval(successes, n, level):
    tail = (1 - level) / 2
    return Interval(exact_lower(successes, n, tail), 1 - exact_lower(n - successes, n, tail))


@pytest.mark.parametrize(
    ("successes", "n", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_intervals_are_those_of_newcombe_1998_table_1(successes, n, wilson, exact):
    """R. G. Newcombe (1998), Statistics in Medicine 17:857-872, table I, methods 3 and 5."""
    score = wilson_interval(successes, n)
    cautious = exact_interval(successes, n, 0.95)
    assert wilson == (round(score.low, 4), round(score.high, 4))
    assert exact == (round(cautious.low, 4), round(cautious.high, 4))


@given(COUNTS, LEVELS)
def test_intervals_agree_with_statsmodels(counts, level):
    successes, n = counts
    for interval, name in (
        (wilson_interval(successes, n, level), "wilson"),
        (exact_interval(successes, n, level), "beta"),
    ):
        low, high = proportion_confint(successes, n, alpha=1 - level, method=name)
        assert interval.low == pytest.approx(low, abs=1e-9)
        assert interval.high == pytest.approx(high, abs=1e-9)


def test_rule_of_three_no_failure_in_59_proves_less_than_5_percent():
    """J. A. Hanley, A. Lippman-Hand (1983), JAMA 249:1743-1745."""
    assert 1 - exact_lower(59, 59, 0.05) < 0.05 < 3 / 59
    assert 1 - exact_lower(58, 58, 0.05) > 0.05


@given(COUNTS, LEVELS)
def test_swapping_success_and_failure_mirrors_the_interval(counts, level):
    successes, n = counts
    for interval_of in (wilson_interval, exact_interval):
        interval, mirrored = interval_of(successes, n, level), interval_of(n - successes, n, level)
        assert interval.low == pytest.approx(1 - mirrored.high, abs=1e-9)
        assert interval.high == pytest.approx(1 - mirrored.low, abs=1e-9)


@given(COUNTS, LEVELS)
def test_an_interval_has_width_and_holds_the_rate(counts, level):
    successes, n = counts
    for interval in (wilson_interval(successes, n, level), exact_interval(successes, n, level)):
        assert 0 <= interval.low <= successes / n <= interval.high <= 1
        assert interval.high > interval.low
