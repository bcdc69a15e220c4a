"""Pure functions over arrays of scores: estimates, intervals, tests and corrections.

They need numpy and scipy.special alone.
"""

from harness.statistics.betting.betting import ConfidenceSequence, EProcess, betting_e_process, confidence_sequence
from harness.statistics.betting.e_values import log_e_value
from harness.statistics.intervals.differences import DifferenceEstimate, paired_difference
from harness.statistics.intervals.independent import independent_difference, newcombe_interval
from harness.statistics.intervals.margins import Equivalence, NonInferiority, equivalence, non_inferiority
from harness.statistics.intervals.means import MeanEstimate, clustered_mean
from harness.statistics.intervals.paired_proportions import mcnemar_test, newcombe_paired_interval, tango_interval
from harness.statistics.intervals.pass_rates import pass_at_k, pass_hat_k
from harness.statistics.intervals.proportions import Interval, clopper_pearson_interval, wilson_interval
from harness.statistics.intervals.sign_flips import SignFlipTest, sign_flip_test
from harness.statistics.labels.prediction_powered import PredictionPoweredMean, ppi_mean, rogan_gladen
from harness.statistics.multiplicity import benjamini_hochberg, e_benjamini_hochberg, e_holm, holm
from harness.statistics.planning import Allocation, minimum_detectable_difference, optimal_samples, required_cases
from harness.statistics.raters.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from harness.statistics.raters.agreement_intervals import Agreement
from harness.statistics.raters.preferences import BradleyTerry, bradley_terry, bradley_terry_rows

__all__ = [
    "Agreement",
    "Allocation",
    "BradleyTerry",
    "ConfidenceSequence",
    "DifferenceEstimate",
    "EProcess",
    "Equivalence",
    "Interval",
    "MeanEstimate",
    "NonInferiority",
    "PredictionPoweredMean",
    "SignFlipTest",
    "benjamini_hochberg",
    "betting_e_process",
    "bradley_terry",
    "bradley_terry_rows",
    "clopper_pearson_interval",
    "clustered_mean",
    "cohen_kappa",
    "confidence_sequence",
    "e_benjamini_hochberg",
    "e_holm",
    "equivalence",
    "fleiss_kappa",
    "holm",
    "independent_difference",
    "krippendorff_alpha",
    "log_e_value",
    "mcnemar_test",
    "minimum_detectable_difference",
    "newcombe_interval",
    "newcombe_paired_interval",
    "non_inferiority",
    "optimal_samples",
    "paired_difference",
    "pass_at_k",
    "pass_hat_k",
    "ppi_mean",
    "required_cases",
    "rogan_gladen",
    "sign_flip_test",
    "tango_interval",
    "wilson_interval",
]
