"""Every public function refuses what is no number, no count, no level and no array by a clear error of its own."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from harness import statistics

ARRAYS = {
    "clustered_mean": lambda x: statistics.clustered_mean(x),
    "paired_difference": lambda x: statistics.paired_difference(x, x),
    "independent_difference": lambda x: statistics.independent_difference(x, x),
    "non_inferiority": lambda x: statistics.non_inferiority(x, x, 0.1),
    "equivalence": lambda x: statistics.equivalence(x, x, 0.1),
    "sign_flip_test": lambda x: statistics.sign_flip_test(x, x),
    "holm": lambda x: statistics.holm(x, 0.05),
    "benjamini_hochberg": lambda x: statistics.benjamini_hochberg(x, 0.05),
    "e_holm": lambda x: statistics.e_holm(x, 0.05),
    "e_benjamini_hochberg": lambda x: statistics.e_benjamini_hochberg(x, 0.05),
    "betting_e_process": lambda x: statistics.betting_e_process(x),
    "confidence_sequence": lambda x: statistics.confidence_sequence(x),
    "log_e_value": lambda x: statistics.log_e_value(x, 1, 0.9, 0.8),
    "pass_at_k": lambda x: statistics.pass_at_k(x, x, 1),
    "pass_hat_k": lambda x: statistics.pass_hat_k(5, x, 1),
    "ppi_mean": lambda x: statistics.ppi_mean([1, 0], [1, 0], x),
    "cohen_kappa": lambda x: statistics.cohen_kappa(x, [1, 0]),
    "fleiss_kappa": lambda x: statistics.fleiss_kappa(x),
    "krippendorff_alpha": lambda x: statistics.krippendorff_alpha(x),
    "bradley_terry": lambda x: statistics.bradley_terry(x),
    "bradley_terry_rows": lambda x: statistics.bradley_terry_rows([0, 1], [1, 0], x),
    "paired_contrast": lambda x: statistics.paired_contrast(x, x),
    "independent_contrast": lambda x: statistics.independent_contrast(x, x),
    "threshold_contrast": lambda x: statistics.threshold_contrast(x, 0.5),
    "suite_contrast": lambda x: statistics.suite_contrast(x, x),
    "suite_threshold_contrast": lambda x: statistics.suite_threshold_contrast(x, 0.5),
    "quantile_estimate": lambda x: statistics.quantile_estimate(x, 0.5),
    "quantile_contrast": lambda x: statistics.quantile_contrast(x, 0.5, 1.0),
    "quantile_difference": lambda x: statistics.quantile_difference(x, x, 0.5),
    "lost_cases": lambda x: statistics.lost_cases(x, x, 0.05),
    "holm_levels": lambda x: statistics.holm_levels(x, 0.05),
    "weighted_holm_levels": lambda x: statistics.weighted_holm_levels(x, [0.01], [0.1]),
    "e_holm_adjusted": lambda x: statistics.e_holm_adjusted(x),
    "mean_ratio": lambda x: statistics.mean_ratio(x, x),
    "signed_rank_contrast": lambda x: statistics.signed_rank_contrast(x),
    "js_divergence": lambda x: statistics.js_divergence(x, x),
    "kl_divergence": lambda x: statistics.kl_divergence(x, x),
    "cliffs_delta": lambda x: statistics.cliffs_delta(x, x),
    "pseudo_values": lambda x: statistics.pseudo_values(1.0, x),
}
NUMBERS = {
    "wilson_interval": lambda x: statistics.wilson_interval(x, 5),
    "clopper_pearson_interval": lambda x: statistics.clopper_pearson_interval(1, x),
    "newcombe_interval": lambda x: statistics.newcombe_interval(1, 2, x, 3),
    "newcombe_paired_interval": lambda x: statistics.newcombe_paired_interval(1, 2, x, 3),
    "tango_interval": lambda x: statistics.tango_interval(1, x, 10),
    "mcnemar_test": lambda x: statistics.mcnemar_test(1, x),
    "rogan_gladen": lambda x: statistics.rogan_gladen(x, sensitivity=0.9, specificity=0.9),
    "required_cases": lambda x: statistics.required_cases(0.1, x, 0.1, 5),
    "minimum_detectable_difference": lambda x: statistics.minimum_detectable_difference(x, 0.1, 0.1, 5),
    "optimal_samples": lambda x: statistics.optimal_samples(0.1, 0.1, x),
    "required_samples": lambda x: statistics.required_samples(0.1, x),
    "a probability": lambda x: statistics.quantile_estimate([1, 0], x),
    "probability of a difference": lambda x: statistics.quantile_difference([1, 0], [1, 0], x),
    "a quantile's level": lambda x: statistics.quantile_estimate([1, 0], 0.5, confidence_level=x),
    "level of lost cases": lambda x: statistics.lost_cases([[1, 0]], [[1, 1]], x),
    "level of holm": lambda x: statistics.holm([0.1], x),
    "level": lambda x: statistics.clustered_mean([1, 0], confidence_level=x),
    "margin": lambda x: statistics.non_inferiority([1, 0], [1, 1], x),
    "k": lambda x: statistics.pass_at_k(5, 2, x),
    "weight": lambda x: statistics.ppi_mean([1, 0], [1, 0], [1], weight=[x]),
    "patterns": lambda x: statistics.sign_flip_test([1.0] * 20, [0.0] * 20, n_patterns=x),
    "resamples": lambda x: statistics.krippendorff_alpha([[1, 0, 1], [1, 0, 0]], resamples=x),
    "resolution": lambda x: statistics.confidence_sequence([0.5], resolution=x),
}
THRESHOLDS = {
    "a suite's threshold": lambda x: statistics.suite_threshold_contrast([1, 0], x),
    "a threshold": lambda x: statistics.threshold_contrast([1, 0], x),
    "a quantile's threshold": lambda x: statistics.quantile_contrast([1, 0], 0.5, x),
}
FINE = {
    *(("cohen_kappa", each) for each in ("['a', 'b']", "['1', '0']", "[1j, 2]")),
    ("log_e_value", "[[[[1.0]]]]"),
}
RAW = ("setting an array element", "could not convert", "broadcast", "argument must be", "not supported between")


def refused(call, value):
    with pytest.raises(ValueError) as caught:
        call(value)
    assert not any(text in str(caught.value) for text in RAW)
    assert len(str(caught.value)) > 20


NO_ARRAYS = [[[1, 0], [1]], ["a", "b"], ["1", "0"], [1j, 2], {"a": 1}, [[[[1.0]]]], "abc"]


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_no_array_of_numbers_is_refused(name):
    for value in NO_ARRAYS:
        if (name, str(value)) not in FINE:  # categories may be anything, and counts of any shape
            refused(ARRAYS[name], value)


@pytest.mark.parametrize("value", ["0.5", None, [1], math.nan, math.inf, -1, 1j], ids=str)
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_refused(name, value):
    refused(NUMBERS[name], value)


@pytest.mark.parametrize("value", ["0.5", None, [1], math.nan, math.inf, 1j], ids=str)
@pytest.mark.parametrize("name", THRESHOLDS)
def test_what_is_no_threshold_is_refused(name, value):
    refused(THRESHOLDS[name], value)


@pytest.mark.parametrize("labels", [[["a"], ["b"]], 5, "ab", [math.nan, 1.0], ["a"]], ids=str)
def test_what_is_no_label_of_a_cluster_is_refused(labels):
    refused(lambda x: statistics.clustered_mean([1, 0], x), labels)


def test_what_is_masked_or_none_is_missing():
    masked = np.ma.masked_array([[1, 0], [1, 1]], [[False, True], [False, False]])
    assert statistics.clustered_mean(masked) == statistics.clustered_mean([[1, math.nan], [1, 1]])
    assert statistics.clustered_mean([[1, None], [1, 1]]) == statistics.clustered_mean([[1, math.nan], [1, 1]])
    with pytest.raises(ValueError, match="missing"):
        statistics.cohen_kappa(["a", None], ["a", "b"])


def test_every_public_function_is_attacked_here():
    functions = {name for name in statistics.__all__ if inspect.isfunction(getattr(statistics, name))}
    assert functions <= set(ARRAYS) | set(NUMBERS)


@pytest.mark.parametrize(("n", "c"), [([5, 5], [1]), ([5, 5, 5], [1, 2])])
def test_counts_of_other_cases_are_refused_and_one_number_stands_for_all(n, c):
    refused(lambda x: statistics.pass_at_k(x, c, 1), n)
    assert statistics.pass_at_k(5, [1, 2], 1) == statistics.pass_at_k([5, 5], [1, 2], 1)


def test_bounds_of_scores_in_0_to_1_stay_within_what_they_can_reach():
    """Two cases that differ by 0.9 and by -0.9 say nothing of their mean; no difference goes beyond 1."""
    result = statistics.paired_difference([0.95, 0.05], [0.05, 0.95])
    assert (result.low, result.high) == (-1, 1)
    result = statistics.independent_difference([0.9, 0.1], [0.2, 0.8])
    assert (result.low, result.high) == (-1, 1)
    assert statistics.paired_difference([9.0, 1.0], [1.0, 9.0]).high > 1
