"""Ratios from the difference of logarithms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.statistics.intervals.contrasts import MeanContrast
from harness.statistics.intervals.ratios import LOG_OF_ZERO, log_figures, ratio_contrast
from harness.statistics.intervals.signed_ranks import signed_rank_contrast


def student(value, standard_error, degrees):
    return MeanContrast(value, -math.inf, math.inf, standard_error, degrees, (), "t")


def test_the_interval_of_a_published_geometric_mean():
    """J. M. Bland, D. G. Altman (1996), Transformations, means, and confidence intervals, BMJ 312:1079: triglyceride
    of 282 babies has a mean of -0.33 and a standard deviation of 0.17 in log10: 0.47 mmol/l, from 0.45 to 0.49.
    """
    scale = math.log(10)
    contrast = ratio_contrast(student(-0.33 * scale, 0.17 / math.sqrt(282) * scale, 281), higher_is_better=True)
    found = [1 + contrast.lower(0.975), 1 + contrast.value, 1 + contrast.upper(0.975)]
    assert [round(each, 2) for each in found] == [0.45, 0.47, 0.49]


@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_both_directions_have_the_same_bounds(level):
    logs = student(0.03, 0.02, 11)
    turned = student(-0.03, 0.02, 11)
    up, down = ratio_contrast(logs, higher_is_better=True), ratio_contrast(turned, higher_is_better=False)
    assert up.lower(level) == pytest.approx(-down.upper(level))
    assert up.upper(level) == pytest.approx(-down.lower(level))
    assert up.standard_error == pytest.approx(down.standard_error)
    assert up.p_less == logs.p_less


def test_bounds_that_no_number_holds_are_infinite():
    wide = ratio_contrast(student(0.0, 1e6, 1), higher_is_better=False)
    assert wide.lower(0.95) == -math.inf
    assert wide.upper(0.95) == 1.0


def test_a_figure_that_is_not_above_0_has_no_ratio():
    with pytest.raises(ValueError, match="0 is not above 0"):
        log_figures(np.array([[1.0], [0.0]]))
    assert np.isnan(log_figures(np.array([[np.nan], [1.0]]))[0, 0])


def test_zero_lies_below_all_others_where_order_alone_counts():
    logs = log_figures(np.array([[5e-324], [0.0], [np.nan]]), LOG_OF_ZERO)[:, 0]
    assert logs[1] < logs[0]
    assert np.isnan(logs[2])
    assert math.expm1(logs[1]) == -1.0
    with pytest.raises(ValueError, match="-1 is not above 0"):
        log_figures(np.array([[-1.0]]), LOG_OF_ZERO)


def test_no_bound_of_the_logarithms_is_none_of_the_ratio():
    """Five pairs have no bound at 0.99: shown as -100 % it would read as one."""
    logs = signed_rank_contrast([-0.1] * 5)
    for higher_is_better in (True, False):
        ratio = ratio_contrast(logs, higher_is_better=higher_is_better)
        assert (ratio.lower(0.99), ratio.upper(0.99)) == (-math.inf, math.inf)


def test_a_ratio_of_which_some_figures_are_0_has_no_standard_error_to_plan_with():
    ratio = ratio_contrast(signed_rank_contrast([0.1, -0.1, LOG_OF_ZERO, 0.2, 0.0, 0.1]), higher_is_better=True)
    assert ratio.standard_error == math.inf
    assert math.isfinite(ratio.value)
