"""Estimates, intervals, tests and corrections for scores: pure functions over arrays, with numpy and scipy alone.

What is named here is public, and docs/statistics.md shows each function. The modules inside are internal. A name
loads its module when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import _lazy

if TYPE_CHECKING:
    from harness.statistics.betting.betting import ConfidenceSequence, EProcess, betting_e_process, confidence_sequence
    from harness.statistics.betting.e_values import log_e_value
    from harness.statistics.divergence import js_divergence, kl_divergence
    from harness.statistics.effects import cliffs_delta, pseudo_values
    from harness.statistics.intervals.contrasts import Contrast
    from harness.statistics.intervals.differences import DifferenceEstimate, paired_contrast, paired_difference
    from harness.statistics.intervals.independent import independent_contrast, independent_difference, newcombe_interval
    from harness.statistics.intervals.margins import Equivalence, NonInferiority, equivalence, non_inferiority
    from harness.statistics.intervals.means import MeanEstimate, clustered_mean, threshold_contrast
    from harness.statistics.intervals.paired_proportions import mcnemar_test, newcombe_paired_interval, tango_interval
    from harness.statistics.intervals.pass_rates import pass_at_k, pass_hat_k
    from harness.statistics.intervals.proportions import Interval, clopper_pearson_interval, wilson_interval
    from harness.statistics.intervals.ratios import RatioEstimate, mean_ratio
    from harness.statistics.intervals.sign_flips import SignFlipTest, sign_flip_test
    from harness.statistics.intervals.signed_ranks import SignedRankContrast, signed_rank_contrast
    from harness.statistics.labels.prediction_powered import PredictionPoweredMean, ppi_mean, rogan_gladen
    from harness.statistics.multiplicity import (
        benjamini_hochberg,
        e_benjamini_hochberg,
        e_holm,
        e_holm_adjusted,
        holm,
        holm_levels,
        weighted_holm_levels,
    )
    from harness.statistics.planning import (
        Allocation,
        minimum_detectable_difference,
        optimal_samples,
        required_cases,
        required_samples,
    )
    from harness.statistics.quantiles.differences import quantile_difference
    from harness.statistics.quantiles.quantiles import (
        QuantileContrast,
        QuantileEstimate,
        quantile_contrast,
        quantile_estimate,
    )
    from harness.statistics.raters.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
    from harness.statistics.raters.agreement_intervals import Agreement
    from harness.statistics.raters.preferences import BradleyTerry, bradley_terry, bradley_terry_rows
    from harness.statistics.suites.lost import LostCases, lost_cases
    from harness.statistics.suites.suites import suite_contrast, suite_threshold_contrast

_NAMES = {
    "betting.betting": "ConfidenceSequence EProcess betting_e_process confidence_sequence",
    "betting.e_values": "log_e_value",
    "divergence": "js_divergence kl_divergence",
    "effects": "cliffs_delta pseudo_values",
    "intervals.contrasts": "Contrast",
    "intervals.differences": "DifferenceEstimate paired_contrast paired_difference",
    "intervals.independent": "independent_contrast independent_difference newcombe_interval",
    "intervals.margins": "Equivalence NonInferiority equivalence non_inferiority",
    "intervals.means": "MeanEstimate clustered_mean threshold_contrast",
    "intervals.paired_proportions": "mcnemar_test newcombe_paired_interval tango_interval",
    "intervals.pass_rates": "pass_at_k pass_hat_k",
    "intervals.proportions": "Interval clopper_pearson_interval wilson_interval",
    "intervals.ratios": "RatioEstimate mean_ratio",
    "intervals.sign_flips": "SignFlipTest sign_flip_test",
    "intervals.signed_ranks": "SignedRankContrast signed_rank_contrast",
    "labels.prediction_powered": "PredictionPoweredMean ppi_mean rogan_gladen",
    "multiplicity": "benjamini_hochberg e_benjamini_hochberg e_holm e_holm_adjusted holm holm_levels "
    "weighted_holm_levels",
    "planning": "Allocation minimum_detectable_difference optimal_samples required_cases required_samples",
    "quantiles.differences": "quantile_difference",
    "quantiles.quantiles": "QuantileContrast QuantileEstimate quantile_contrast quantile_estimate",
    "raters.agreement": "cohen_kappa fleiss_kappa krippendorff_alpha",
    "raters.agreement_intervals": "Agreement",
    "raters.preferences": "BradleyTerry bradley_terry bradley_terry_rows",
    "suites.lost": "LostCases lost_cases",
    "suites.suites": "suite_contrast suite_threshold_contrast",
}

__all__ = [
    "Agreement",
    "Allocation",
    "BradleyTerry",
    "ConfidenceSequence",
    "Contrast",
    "DifferenceEstimate",
    "EProcess",
    "Equivalence",
    "Interval",
    "LostCases",
    "MeanEstimate",
    "NonInferiority",
    "PredictionPoweredMean",
    "QuantileContrast",
    "QuantileEstimate",
    "RatioEstimate",
    "SignFlipTest",
    "SignedRankContrast",
    "benjamini_hochberg",
    "betting_e_process",
    "bradley_terry",
    "bradley_terry_rows",
    "cliffs_delta",
    "clopper_pearson_interval",
    "clustered_mean",
    "cohen_kappa",
    "confidence_sequence",
    "e_benjamini_hochberg",
    "e_holm",
    "e_holm_adjusted",
    "equivalence",
    "fleiss_kappa",
    "holm",
    "holm_levels",
    "independent_contrast",
    "independent_difference",
    "js_divergence",
    "kl_divergence",
    "krippendorff_alpha",
    "log_e_value",
    "lost_cases",
    "mcnemar_test",
    "mean_ratio",
    "minimum_detectable_difference",
    "newcombe_interval",
    "newcombe_paired_interval",
    "non_inferiority",
    "optimal_samples",
    "paired_contrast",
    "paired_difference",
    "pass_at_k",
    "pass_hat_k",
    "ppi_mean",
    "pseudo_values",
    "quantile_contrast",
    "quantile_difference",
    "quantile_estimate",
    "required_cases",
    "required_samples",
    "rogan_gladen",
    "sign_flip_test",
    "signed_rank_contrast",
    "suite_contrast",
    "suite_threshold_contrast",
    "tango_interval",
    "threshold_contrast",
    "weighted_holm_levels",
    "wilson_interval",
]

__getattr__, __dir__ = _lazy(__name__, {f"{__name__}.{module}": names for module, names in _NAMES.items()}, {})
