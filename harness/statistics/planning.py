"""Plans how many cases and samples a comparison needs, before it is run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from harness.statistics.arrays import as_count, as_number, check_alternative, check_confidence
from harness.statistics.intervals.proportions import Alternative
from harness.statistics.searching import first_that, halved


def required_cases(
    difference: float,
    between_sd: float,
    within_sd: float,
    samples: int,
    confidence_level: float = 0.95,
    power: float = 0.8,
    alternative: Alternative = "two-sided",
) -> int:
    """The number of cases at which a paired test finds a true difference with the given power.

    Parameters
    ----------
    difference : the true difference to find; its sign does not matter
    between_sd : standard deviation over cases of the case's true difference
    within_sd : standard deviation within a case of the difference of one sample of each version; for binary scores
        with rate p in both versions the square root of 2 p (1 - p)
    samples : samples of each version for each case
    confidence_level, power : in (0, 1)
    alternative : "two-sided" or one side

    Returns
    -------
    int
        At least 2. The t test's power, so a little more than the normal formula gives for few cases.

    References
    ----------
    E. Miller (2024), Adding error bars to evals, arXiv:2411.00640, for the variance of paired evaluations;
    J. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, 2nd ed., chapter 2, for the t test.

    Examples
    --------
    >>> required_cases(0.05, between_sd=0.15, within_sd=0.4, samples=5)
    174
    """
    if not (math.isfinite(as_number(difference, "difference")) and difference != 0):
        raise ValueError(f"difference = {difference!r}: only a difference other than 0 can be found.")
    effect = abs(difference) / _case_sd(between_sd, within_sd, samples)
    _check_power(confidence_level, power, alternative)
    found = first_that(lambda cases: not _power(effect, cases, confidence_level, alternative) < power, 2, 2**50)
    if found is None:
        raise ValueError(f"difference = {difference!r} is too small to be found with any number of cases.")
    return found


def minimum_detectable_difference(
    cases: int,
    between_sd: float,
    within_sd: float,
    samples: int,
    confidence_level: float = 0.95,
    power: float = 0.8,
    alternative: Alternative = "two-sided",
) -> float:
    """The smallest true difference that a paired test on so many cases finds with the given power.

    Parameters
    ----------
    cases : number of cases, 2 or more
    between_sd, within_sd, samples, confidence_level, power, alternative : as for `required_cases`

    References
    ----------
    E. Miller (2024) and J. Cohen (1988), as for `required_cases`, solved for the difference.

    Examples
    --------
    >>> round(minimum_detectable_difference(174, between_sd=0.15, within_sd=0.4, samples=5), 3)
    0.05
    """
    as_count(cases, "cases", 2)
    scale = _case_sd(between_sd, within_sd, samples)
    _check_power(confidence_level, power, alternative)
    most = 1.0
    while _power(most, cases, confidence_level, alternative) < power:
        most *= 2
    _, found = halved(lambda effect: _power(effect, cases, confidence_level, alternative) >= power, 0.0, most, 60)
    return found * scale


def required_samples(
    difference: float,
    within_sd: float,
    confidence_level: float = 0.95,
    power: float = 0.8,
    alternative: Alternative = "two-sided",
) -> int:
    """The number of samples of each version with which a true difference over the cases of one suite is found.

    The cases are all that there are, as strata that are all sampled: their own spread is no error, and the variance of
    the suite's mean is the mean variance within a case over cases x samples. So it does not matter whether a sample is
    of a new case or of an old one; their number is that of cases times samples of each.

    Parameters
    ----------
    difference, within_sd, confidence_level, power, alternative : as for `required_cases`

    Returns
    -------
    int
        At least 1, by the normal formula ((z_level + z_power) within_sd / difference)², rounded up.

    References
    ----------
    W. G. Cochran (1977), Sampling Techniques, 3rd ed., theorem 5.3, with strata of equal weight; S.-C. Chow, J. Shao,
    H. Wang (2008), Sample Size Calculations in Clinical Research, 2nd ed., section 3.2, for the normal formula.

    Examples
    --------
    Chow, Shao and Wang's non-inferior cholesterol, margin 5 % and standard deviation 10 % in both groups:

    >>> required_samples(0.05, within_sd=0.1 * 2**0.5, alternative="greater")
    50
    """
    if not (math.isfinite(as_number(difference, "difference")) and difference != 0):
        raise ValueError(f"difference = {difference!r}: only a difference other than 0 can be found.")
    if not (math.isfinite(as_number(within_sd, "within_sd")) and within_sd >= 0):
        raise ValueError(f"within_sd = {within_sd!r} is not a number of 0 or more.")
    _check_power(confidence_level, power, alternative)
    tail = (1 - confidence_level) / (2 if alternative == "two-sided" else 1)
    needed = ((float(special.ndtri(1 - tail)) + float(special.ndtri(power))) * within_sd / difference) ** 2
    return max(1, math.ceil(needed - 1e-9))


@dataclass(frozen=True, slots=True)
class Allocation:
    """Samples for each case, the cases that a budget then pays for, and the standard error that results."""

    samples: int
    cases: int
    standard_error: float


def optimal_samples(
    between_sd: float, within_sd: float, budget: float, *, case_cost: float = 0.0, sample_cost: float = 1.0
) -> Allocation:
    """Split a budget between cases and samples for the smallest standard error.

    Without a cost of the cases themselves (there are enough of them), one sample each is best; the dearer a case is to
    write or to label, the more samples of it.

    Parameters
    ----------
    between_sd, within_sd : as for `required_cases`
    budget : in the unit of the costs
    case_cost, sample_cost : cost of one more case, and of one more sample of each version for a case

    References
    ----------
    W. G. Cochran (1977), Sampling Techniques, 3rd ed., chapter 10: the best size is
    within / between * sqrt(case_cost / sample_cost), here the better of its two whole neighbours.

    Examples
    --------
    >>> optimal_samples(0.15, 0.4, budget=1000, case_cost=5).samples
    5
    """
    _case_sd(between_sd, within_sd, 1)
    for name, value in (("budget", budget), ("case_cost", case_cost), ("sample_cost", sample_cost)):
        as_number(value, name)
    if not (case_cost >= 0 and sample_cost > 0 and math.isfinite(case_cost) and math.isfinite(sample_cost)):
        raise ValueError(f"case_cost = {case_cost!r} is below 0, or sample_cost = {sample_cost!r} not above 0.")
    if not (math.isfinite(budget) and budget >= case_cost + sample_cost):
        raise ValueError(f"budget = {budget!r} does not pay for one sample of one case.")
    most = int((budget - case_cost) / sample_cost)
    best = math.inf if between_sd == 0 else within_sd / between_sd * math.sqrt(case_cost / sample_cost)
    best = min(max(best, 1.0), most)
    options = []
    for samples in {math.floor(best), min(math.ceil(best), most)}:
        cases = int(budget / (case_cost + samples * sample_cost))
        error = _case_sd(between_sd, within_sd, samples) / math.sqrt(cases)
        options.append(Allocation(samples, cases, error))
    return min(options, key=lambda option: (option.standard_error, option.samples))


def _case_sd(between_sd: float, within_sd: float, samples: int) -> float:
    """Standard deviation of the measured difference of one case."""
    for name, value in (("between_sd", between_sd), ("within_sd", within_sd)):
        if not (math.isfinite(as_number(value, name)) and value >= 0):
            raise ValueError(f"{name} = {value!r} is not a number of 0 or more.")
    if between_sd == within_sd == 0:
        raise ValueError("between_sd and within_sd are both 0: without any spread nothing needs to be planned.")
    as_count(samples, "samples", 1)
    return math.sqrt(between_sd**2 + within_sd**2 / samples)


def _check_power(confidence_level: float, power: float, alternative: str) -> None:
    check_confidence(confidence_level)
    check_alternative(alternative)
    if not 1 - confidence_level < as_number(power, "power") < 1:
        raise ValueError(f"power = {power!r} is not between the error rate {1 - confidence_level:.4g} and 1.")


def _power(effect: float, cases: int, confidence_level: float, alternative: str) -> float:
    """Power of the t test on the right side, by the noncentral t; its far tail on the wrong side is left out."""
    tail = 1 - confidence_level
    if alternative == "two-sided":
        tail /= 2
    degrees = cases - 1
    if degrees > 10_000:
        return float(special.ndtr(effect * math.sqrt(cases) - special.ndtri(1 - tail)))
    critical = float(special.stdtrit(degrees, 1 - tail))
    return 1 - float(special.nctdtr(degrees, effect * math.sqrt(cases), critical))
