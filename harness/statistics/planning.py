"""Plans how many cases and samples a comparison needs, before it is run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from harness.statistics.searching import first_that, halved


def required_cases(difference: float, case_sd: float, level: float, power: float) -> int | None:
    """The number of cases, 2 or more, at which a one-sided paired t test finds a true difference; None for too many.

    Parameters
    ----------
    difference : to be found, above 0
    case_sd : standard deviation over cases of the measured difference of one case
    level : the error rate of the test
    power : how often it is found

    References
    ----------
    E. Miller (2024), Adding error bars to evals, arXiv:2411.00640, for the variance of paired evaluations;
    J. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, 2nd ed., chapter 2, for the t test.

    Examples
    --------
    >>> required_cases(0.05, case_sd=math.hypot(0.15, 0.4 / 5**0.5), level=0.025, power=0.8)
    174
    """
    return first_that(lambda cases: _power(difference / case_sd, cases, level) >= power, 2, 2**50)


def minimum_detectable_difference(cases: int, case_sd: float, level: float, power: float) -> float:
    """The smallest true difference that a one-sided paired t test on so many cases finds; as for `required_cases`.

    Examples
    --------
    >>> round(minimum_detectable_difference(174, case_sd=math.hypot(0.15, 0.4 / 5**0.5), level=0.025, power=0.8), 3)
    0.05
    """
    most = 1.0
    while _power(most, cases, level) < power:
        most *= 2
    return halved(lambda effect: _power(effect, cases, level) >= power, 0.0, most, 60)[1] * case_sd


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
    between_sd : standard deviation over cases of the case's true difference
    within_sd : standard deviation within a case of the difference of one sample of each version
    budget : in the unit of the costs; it pays for one sample of one case
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
    most = int((budget - case_cost) / sample_cost)
    best = math.inf if between_sd == 0 else within_sd / between_sd * math.sqrt(case_cost / sample_cost)
    best = min(max(best, 1.0), most)
    options = []
    for samples in {math.floor(best), min(math.ceil(best), most)}:
        cases = int(budget / (case_cost + samples * sample_cost))
        options.append(Allocation(samples, cases, math.sqrt((between_sd**2 + within_sd**2 / samples) / cases)))
    return min(options, key=lambda option: (option.standard_error, option.samples))


def _power(effect: float, cases: int, level: float) -> float:
    """Power of the t test on the right side, by the noncentral t; its far tail on the wrong side is left out."""
    degrees = cases - 1
    if degrees > 10_000:
        return float(special.ndtr(effect * math.sqrt(cases) - special.ndtri(1 - level)))
    critical = float(special.stdtrit(degrees, 1 - level))
    return 1 - float(special.nctdtr(degrees, effect * math.sqrt(cases), critical))
