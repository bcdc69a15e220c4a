"""Holm and Benjamini-Hochberg, for p-values and e-values: published examples, oracles, what levels mean."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.statistics import benjamini_hochberg, e_benjamini_hochberg, e_holm, holm
from harness.statistics.multiplicity import e_holm_adjusted, holm_levels

P_VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.001, 0.01, 0.05, 1.0]), min_size=1, max_size=40)

#: Y. Benjamini, Y. Hochberg (1995), section 3.2: the myocardial infarction study of Neuhaus et al.
INFARCTION = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
              0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip


def test_published_example_has_three_familywise_and_four_false_discovery_rejections():
    assert holm(INFARCTION, 0.05).tolist() == [True] * 3 + [False] * 12
    assert benjamini_hochberg(INFARCTION, 0.05).tolist() == [True] * 4 + [False] * 11


@pytest.mark.nightly
@settings(max_examples=10)
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


E_VALUES = st.lists(st.floats(0, 500), min_size=1, max_size=8)


def test_the_largest_of_m_e_values_alone_needs_m_times_what_all_of_them_together_need():
    """The k largest are rejected from m / (k level) on."""
    assert e_benjamini_hochberg([20], 0.05).tolist() == [True]
    assert e_benjamini_hochberg([20] * 7, 0.05).tolist() == [True] * 7
    assert e_benjamini_hochberg([139] + [0] * 6, 0.05).tolist() == [False] * 7
    assert e_benjamini_hochberg([140] + [0] * 6, 0.05).tolist() == [True] + [False] * 6


@given(E_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_e_benjamini_hochberg_is_the_p_value_procedure_on_inverses(e_values, level):
    inverses = [1.0 if value <= 1 else 1 / value for value in e_values]
    assert e_benjamini_hochberg(e_values, level).tolist() == benjamini_hochberg(inverses, level).tolist()


@pytest.mark.service
@given(E_VALUES)
def test_adjusted_e_values_are_the_smallest_means_of_any_subset(e_values):
    """Closed testing, by brute force over all subsets that hold the hypothesis."""
    adjusted = e_holm_adjusted(e_values)
    for i, value in enumerate(e_values):
        others = e_values[:i] + e_values[i + 1 :]
        smallest = min(
            np.mean([value, *subset])
            for size in range(len(e_values))
            for subset in itertools.combinations(others, size)
        )
        assert adjusted[i] == pytest.approx(smallest)


@given(E_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_e_holm_rejects_whatever_holm_rejects_on_inverses(e_values, level):
    inverses = [min(1.0, 1 / value) if value else 1.0 for value in e_values]
    assert np.all(e_holm(e_values, level) | ~holm(inverses, level * (1 - 1e-9)))


def test_infinite_evidence_is_rejected_and_does_not_spoil_the_rest():
    assert e_holm([np.inf, 1, 0], 0.05).tolist() == [True, False, False]
    assert e_benjamini_hochberg([np.inf, 1, 0], 0.05).tolist() == [True, False, False]


@pytest.mark.parametrize(("e_values", "level"), [([-1], 0.05), ([float("nan")], 0.05), ([[1]], 0.05), ([1], 0)])
def test_wrong_e_values_are_refused(e_values, level):
    for method in (e_holm, e_benjamini_hochberg):
        with pytest.raises(ValueError):
            method(e_values, level)


def test_evidence_beyond_the_largest_float_is_infinite():
    assert e_holm([1e308, 1.5e308, 1e308, 0.0], 0.05).tolist() == [True, True, True, False]
