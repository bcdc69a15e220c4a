"""Rank intervals: an example by hand, and what must hold of every one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from harness.statistics.ranks import rank_intervals


def test_an_example_worked_by_hand_needs_the_step_down() -> None:
    """Means 9, 7, 7, 4.25, 1.5 whose differences have a standard error of 1 (Holm of 20 one-sided tests at 0.05).

    Differences of 4.75 and more have p below 0.0025 = 0.05 / 20: four are rejected. Those of 2.75 have 0.00298, above
    that and below 0.05 / 16 = 0.003125: rejected in turn. Those of 2 have 0.0228, above 0.05 / 13: not.
    """
    means = np.array([9, 7, 7, 4.25, 1.5])
    p_lower = stats.norm.cdf(means[:, np.newaxis] - means)
    assert rank_intervals([p_lower], 0.05)[0].tolist() == [[1, 3], [1, 3], [1, 3], [4, 4], [5, 5]]


def test_all_tables_share_the_level() -> None:
    sure, nothing = np.array([[1, 1], [0.02, 1]]), np.ones((3, 3))
    assert rank_intervals([sure], 0.05)[0].tolist() == [[1, 1], [2, 2]]
    assert [each.tolist() for each in rank_intervals([sure, nothing], 0.05)] == [[[1, 2]] * 2, [[1, 3]] * 3]


@given(arrays.arrays(float, st.integers(1, 5).map(lambda n: (n, n)), elements=st.floats(0, 1)))
def test_some_order_of_the_versions_fits_all_intervals_or_they_contradict_each_other(p_lower: np.ndarray) -> None:
    """Each interval lies within the ranks, and the order by what is shown has one place for each version."""
    (intervals,) = rank_intervals([p_lower], 0.05)
    n = len(p_lower)
    assert (intervals[:, 0] >= 1).all()
    assert (intervals[:, 1] <= n).all()
    assert intervals[:, 0].sum() - n == n * n - intervals[:, 1].sum()  # who is below another has another above
