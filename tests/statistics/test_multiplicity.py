"""Holm and Benjamini-Hochberg: the published example, statsmodels, what levels mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.statistics import benjamini_hochberg, holm
from harness.statistics.multiplicity import holm_levels

P_VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.001, 0.01, 0.05, 1.0]), min_size=1, max_size=40)

#: Y. Benjamini, Y. Hochberg (1995), section 3.2: the myocardial infarction study of Neuhaus et al.
INFARCTION = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
              0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip


def test_published_example_has_three_familywise_and_four_false_discovery_rejections():
    assert holm(INFARCTION, 0.05).tolist() == [True] * 3 + [False] * 12
    assert benjamini_hochberg(INFARCTION, 0.05).tolist() == [True] * 4 + [False] * 11


@settings(max_examples=20)
@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_rejections_agree_with_statsmodels(p_values, level):
    assert multipletests(p_values, level, method="holm")[0].tolist() == holm(p_values, level).tolist()


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_benjamini_hochberg_agrees_with_statsmodels(p_values, level):
    assert multipletests(p_values, level, method="fdr_bh")[0].tolist() == benjamini_hochberg(p_values, level).tolist()


@given(P_VALUES, st.randoms())
def test_order_does_not_matter(p_values, random):
    order = random.sample(range(len(p_values)), len(p_values))
    levels = holm_levels(p_values, 0.05)
    assert np.array_equal(levels[order], holm_levels([p_values[i] for i in order], 0.05))


@given(P_VALUES)
def test_levels_lie_between_bonferroni_and_uncorrected(p_values):
    levels = holm_levels(p_values, 0.05)
    assert np.all(levels >= 0.05 / len(p_values) - 1e-15)
    assert np.all(levels <= 0.05)


def test_one_comparison_is_not_corrected():
    assert holm_levels([0.2], 0.05).tolist() == [0.05]


def test_nothing_to_correct_gives_nothing():
    assert holm([], 0.05).tolist() == []
    assert benjamini_hochberg([], 0.05).tolist() == []


@pytest.mark.parametrize(("p_values", "level"), [([1.2], 0.05), ([float("nan")], 0.05), ([[0.1]], 0.05), ([0.1], 5)])
def test_wrong_input_is_refused(p_values, level):
    for method in (holm, benjamini_hochberg):
        with pytest.raises(ValueError):
            method(p_values, level)
