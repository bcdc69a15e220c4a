"""Change points: a published one, the tests that they rest on against scipy's, and how often they are false."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact, ttest_1samp, ttest_ind

from harness.statistics.arrays import FloatArray
from harness.statistics.changes import change_points, one_mean, one_rate

# Yearly discharge of the Nile at Aswan, 1871 to 1970, 10^8 m^3 (G. W. Cobb, 1978, The problem of the Nile: conditional
# solution to a changepoint problem, Biometrika 65:243-251, table 1): the change is between 1898 and 1899.
NILE = """
1120 1160 963 1210 1160 1160 813 1230 1370 1140 995 935 1110 994 1020 960 1180 799 958 1140 1100 1210 1150 1250 1260
1220 1030 1100 774 840 874 694 940 833 701 916 692 1020 1050 969 831 726 456 824 702 1120 1100 832 764 821 768 845 864
862 698 845 744 796 1040 759 781 865 845 944 984 897 822 1010 771 676 649 846 812 742 801 1040 860 874 848 890 744 749
838 1050 918 986 797 923 975 815 1020 906 901 1170 912 746 919 718 714 740
"""


def by_scatter(values: FloatArray) -> Any:
    groups = np.arange(len(values))
    return lambda first, split, last: one_mean(values[:, first:split], values[:, split:last], groups)


def test_the_nile_changed_between_1898_and_1899() -> None:
    flow = np.array([float(each) for each in NILE.split()])[np.newaxis]
    (change,) = change_points(flow, by_scatter(flow), 0.05)
    assert 1871 + change == 1899
    assert np.round([flow[0, :change].mean(), flow[0, change:].mean()], 1).tolist() == [1097.8, 850.0]


def test_several_changes_are_found_and_one_that_lasts_a_point() -> None:
    rng = np.random.default_rng(1)
    levels = np.repeat([0.9, 0.7, 0.9, 0.5], [8, 6, 1, 5])
    values = rng.normal(levels, 0.1, (40, 20))
    assert change_points(values, by_scatter(values), 0.05) == (8, 14, 15)


def test_a_split_that_was_one_point_off_is_taken_back() -> None:
    """The largest shift is at 3; once 2 is known as well, 3 does not tell point 2 from those after it."""
    p_values = {(0, 3, 6): 0.0, (0, 2, 3): 0.001, (2, 3, 6): 0.5, (0, 2, 6): 0.0}
    values = np.array([[1.0, 1.0, 0.6, 0.0, 0.0, 0.0]])
    assert change_points(values, lambda *three: p_values.get(three, 1.0), 0.05) == (2,)


@pytest.mark.parametrize("n_points", [0, 1, 2])
def test_no_points_have_no_change(n_points: int) -> None:
    assert change_points(np.ones((3, n_points)), lambda *_: 1.0, 0.05) == ()


def test_one_case_is_students_t_of_two_samples_with_a_common_variance() -> None:
    rng = np.random.default_rng(2)
    before, after = rng.normal(0, 1, (1, 7)), rng.normal(0.8, 1, (1, 4))
    assert one_mean(before, after, np.zeros(1, int)) == pytest.approx(ttest_ind(before[0], after[0]).pvalue)


def test_cases_of_one_cluster_are_weighed_by_their_sum() -> None:
    """Three copies of a case tell what one of it does, where each by itself would tell three times as much."""
    rng = np.random.default_rng(3)
    before, after = rng.normal(0, 1, (1, 7)), rng.normal(0.8, 1, (1, 4))
    copies = [np.repeat(each, 3, axis=0) for each in (before, after)]
    assert one_mean(*copies, np.zeros(3, int)) == pytest.approx(one_mean(before, after, np.zeros(1, int)))
    assert one_mean(*copies, np.arange(3)) < one_mean(before, after, np.zeros(1, int))


def test_where_too_few_cases_scatter_the_spread_over_cases_stands_in() -> None:
    """Two cases of 20 that flip for good are no change of all; one that all cases make is, and none is none."""
    before, after = np.ones((20, 2)), np.ones((20, 1))
    after[:2] = 0.0
    assert one_mean(before, after, np.arange(20)) == pytest.approx(ttest_1samp(after[:, 0] - 1, 0).pvalue)
    assert one_mean(before, np.zeros((20, 1)), np.arange(20)) == 0.0
    assert one_mean(before, np.ones((20, 1)), np.arange(20)) == 1.0
    assert one_mean(before[:1, :1], after[:1], np.zeros(1, int)) == 1.0, (
        "of two points nobody knows how far they scatter"
    )


def test_one_rate_is_fishers_test_with_twice_the_smaller_tail() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        before, after = (
            (rng.random((2, n)) < rate).astype(float) for n, rate in ((4, rng.random()), (3, rng.random()))
        )
        before[0, 0] = np.nan
        table = [[np.nansum(each == value) for value in (0, 1)] for each in (before, after)]
        tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        assert one_rate(before, after) == pytest.approx(min(1.0, 2 * min(tails)))
    assert one_rate(np.full(3, np.nan), np.ones(3)) == 1.0


def test_where_nothing_changes_a_change_is_rare_however_the_points_scatter() -> None:
    """With 20 cases, among them copies, at the level that is promised; each history has 12 points."""
    rng, false = np.random.default_rng(5), 0
    for _ in range(400):
        values = np.repeat(rng.normal(0.8, 0.2, (10, 12)), 2, axis=0)
        groups = np.repeat(np.arange(10), 2)
        p_value = lambda i, j, k: one_mean(values[:, i:j], values[:, j:k], groups)  # noqa: E731, B023
        false += bool(change_points(values, p_value, 0.05))
    assert 0 < false / 400 <= 0.05
