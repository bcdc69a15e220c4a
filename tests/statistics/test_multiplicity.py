"""Corrections for many comparisons: published examples, statsmodels, their order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.statistics.multiplicity import holm, weighted_holm_levels

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)
#: Y. Benjamini, Y. Hochberg (1995), section 4.1: 15 comparisons of the myocardial infarction study of Neuhaus et al.
INFARCTION = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
              0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip


def test_published_example_has_three_rejections():
    assert holm(INFARCTION, 0.05).tolist() == [True] * 3 + [False] * 12
    assert holm([], 0.05).tolist() == []


@pytest.mark.service
@settings(max_examples=20)  # statsmodels takes 60 ms for one of them
@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_rejections_agree_with_statsmodels(p_values, level):
    assert multipletests(p_values, level, method="holm")[0].tolist() == holm(p_values, level).tolist()


@given(P_VALUES, st.randoms())
def test_levels_lie_between_bonferroni_and_uncorrected_in_whatever_order(p_values, random):
    m = len(p_values)
    own, weights, order = np.full(m, 0.05 / m), np.full(m, 1 / m), random.sample(range(m), m)
    levels = weighted_holm_levels(p_values, own, weights)
    assert np.all((levels >= 0.05 / m - 1e-15) & (levels <= 0.05 + 1e-15))
    assert np.array_equal(levels[order], weighted_holm_levels([p_values[i] for i in order], own, weights))


def test_what_was_rejected_is_shared_by_weight():
    """Of three, the first is rejected at 0.02 and frees half of the weight: the others have twice their own."""
    levels = weighted_holm_levels([0.001, 0.5, 0.5], [0.02, 0.01, 0.01], [0.5, 0.25, 0.25])
    assert levels.round(6).tolist() == [0.04, 0.02, 0.02]


def test_an_error_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"write 0\.05"):
        holm([0.1], 5)
