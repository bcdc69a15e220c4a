"""Pure functions over arrays of scores: estimates, intervals, tests and corrections. numpy and scipy.special only."""

from harness.statistics.differences import DifferenceEstimate, paired_difference
from harness.statistics.independent import independent_difference, newcombe_interval
from harness.statistics.means import MeanEstimate, clustered_mean
from harness.statistics.multiplicity import benjamini_hochberg, holm
from harness.statistics.proportions import Interval, clopper_pearson_interval, wilson_interval

__all__ = [
    "DifferenceEstimate",
    "Interval",
    "MeanEstimate",
    "benjamini_hochberg",
    "clopper_pearson_interval",
    "clustered_mean",
    "holm",
    "independent_difference",
    "newcombe_interval",
    "paired_difference",
    "wilson_interval",
]
