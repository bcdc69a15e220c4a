"""Human labels and a judge's scores together: prediction-powered inference, and the correction of a judged rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, as_floats, as_number, check_alternative, check_confidence, is_bounded
from harness.statistics.intervals.means import clustered_mean
from harness.statistics.intervals.proportions import Alternative
from harness.statistics.spread import t_quantile


@dataclass(frozen=True, slots=True)
class PredictionPoweredMean:
    """The mean of what people would have said, with its interval.

    The interval is t's with labels less one degrees of freedom; of labels in [0, 1] the mean and its bounds stay there.
    Where the estimate shows no spread at all, or all of its interval lies outside, it is that of the labels alone by
    `clustered_mean`, which always has width for scores in [0, 1].

    `weight` is how far the judge was trusted: 0 leaves the labels alone. One-sided alternatives leave the other side of
    the interval infinite.
    """

    value: float
    standard_error: float
    low: float
    high: float
    weight: float
    method: str


def ppi_mean(
    labels: npt.ArrayLike,
    judge_on_labelled: npt.ArrayLike,
    judge_on_unlabelled: npt.ArrayLike,
    confidence_level: float = 0.95,
    weight: Literal["optimal"] | float = "optimal",
    inclusion_probabilities: npt.ArrayLike | None = None,
    alternative: Alternative = "two-sided",
) -> PredictionPoweredMean:
    """The mean label over all items, from a few labels and the judge's scores of all, without the judge's bias.

    The judge's mean over the items without a label is corrected by how much it was wrong on those with one. Whatever
    the judge's quality the estimate is unbiased; with the optimal weight it is never much less precise than the labels.

    Parameters
    ----------
    labels : (n_labelled,) scores given by people, 2 or more
    judge_on_labelled : (n_labelled,) the judge's scores of the same items in the same order
    judge_on_unlabelled : (n_unlabelled,) the judge's scores of the other items; may be empty
    confidence_level : in (0, 1)
    weight : "optimal" (smallest variance, kept within [0, 1]), or a number: 1 trusts the judge fully, 0 not at all
    inclusion_probabilities : (n_labelled,) the chance with which each labelled item was drawn for labelling, each by
        itself, in (0, 1]; None where all were equal
    alternative : "greater" gives `low` alone, "less" `high` alone

    Returns
    -------
    PredictionPoweredMean
        Where the judge was wrong on fewer than about 5 of the labelled items, its error rate is hardly known and the
        interval too narrow: use `weight=0` there.

    References
    ----------
    A. N. Angelopoulos, J. C. Duchi, T. Zrnic (2023), PPI++: efficient prediction-powered inference, arXiv:2311.01453,
    for the mean and its optimal weight; T. Zrnic, E. J. Candes (2024), Active statistical inference, arXiv:2403.03208,
    for unequal probabilities.

    Examples
    --------
    >>> result = ppi_mean([1, 0, 1, 1, 0, 1], [1, 0, 1, 1, 1, 1], [1] * 60 + [0] * 40)
    >>> round(result.value, 3), round(result.weight, 3)
    (0.544, 0.525)
    """
    level = check_confidence(confidence_level)
    check_alternative(alternative)
    human, judged = _labelled(labels, judge_on_labelled)
    rest = _scores(judge_on_unlabelled, "judge_on_unlabelled")
    chances = None if inclusion_probabilities is None else _probabilities(inclusion_probabilities, len(human))
    found = _two_sided(human, judged, rest, chances, weight, 0.5 + level / 2 if alternative == "two-sided" else level)
    return _one_sided(found, alternative)


def _one_sided(found: PredictionPoweredMean, alternative: Alternative) -> PredictionPoweredMean:
    """The estimate without the bound that is not asked for."""
    low = -math.inf if alternative == "less" else found.low
    return replace(found, low=low, high=math.inf if alternative == "greater" else found.high)


def _labelled(labels: npt.ArrayLike, judge_on_labelled: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check the scores that people and the judge gave to the same items, two or more."""
    human, judged = _scores(labels, "labels"), _scores(judge_on_labelled, "judge_on_labelled")
    if len(human) != len(judged):
        raise ValueError(f"{len(human)} labels for {len(judged)} judged items; give both for the same items.")
    if len(human) < 2:
        raise ValueError(f"{len(human)} labels show no spread; at least 2 are needed.")
    return human, judged


def _two_sided(
    human: FloatArray,
    judged: FloatArray,
    rest: FloatArray,
    chances: FloatArray | None,
    weight: Literal["optimal"] | float,
    level: float,
) -> PredictionPoweredMean:
    """The estimate with both bounds, each one-sided at a level; by the labels alone where these leave no width."""
    if chances is None:
        chosen, value, error = _simple(human, judged, rest, weight)
    else:
        chosen, value, error = _weighted(human, judged, rest, chances, weight)
    half = t_quantile(level, len(human) - 1) * error
    low, high = value - half, value + half
    if is_bounded(human):
        value, low, high = (min(1.0, max(0.0, each)) for each in (value, low, high))
    if low < high:
        name = "labels alone" if chosen == 0 else f"prediction-powered, weight {chosen:.2f}"
        return PredictionPoweredMean(value, error, low, high, chosen, f"{name}, t with {len(human) - 1} df")
    alone = clustered_mean(human, None, 2 * level - 1)
    method = f"labels alone: {alone.method}"
    return PredictionPoweredMean(alone.value, alone.standard_error, alone.low, alone.high, 0.0, method)


def _simple(human: FloatArray, judged: FloatArray, rest: FloatArray, weight: str | float) -> tuple[float, float, float]:
    """Weight, value and standard error where every item was as likely to be labelled."""
    n, unlabelled = len(human), len(rest)
    if not unlabelled:
        return 0.0, float(human.mean()), float(human.std(ddof=1)) / math.sqrt(n)
    both = np.concatenate([judged, rest])
    spread = float(both.var(ddof=1))
    covariance = float(np.cov(human, judged)[0, 1])
    chosen = _weight(weight, covariance, (1 + n / unlabelled) * spread)
    value = chosen * float(rest.mean()) + float((human - chosen * judged).mean())
    variance = float((human - chosen * judged).var(ddof=1)) / n
    variance += chosen**2 * (float(rest.var(ddof=1)) if unlabelled > 1 else spread) / unlabelled
    return chosen, value, math.sqrt(variance)


def _weighted(
    human: FloatArray, judged: FloatArray, rest: FloatArray, chances: FloatArray, weight: str | float
) -> tuple[float, float, float]:
    """The same where items were drawn with known chances: every item counts with the inverse of its chance."""
    items = len(human) + len(rest)
    labels = np.concatenate([human / chances, np.zeros(len(rest))])
    judge = np.concatenate([judged / chances - judged, -rest])
    chosen = _weight(weight, float(np.cov(labels, judge)[0, 1]), float(judge.var(ddof=1)))
    shares = labels - chosen * judge
    return chosen, float(shares.mean()), float(shares.std(ddof=1)) / math.sqrt(items)


def _weight(weight: str | float, covariance: float, variance: float) -> float:
    if isinstance(weight, str):
        if weight != "optimal":
            raise ValueError(f"weight = {weight!r} is neither 'optimal' nor a number.")
        return min(1.0, max(0.0, covariance / variance)) if variance > 0 else 0.0
    number = as_number(weight, "weight")
    if not math.isfinite(number):
        raise ValueError(f"weight = {weight!r} is not a finite number.")
    return number


def rogan_gladen(rate: float, *, sensitivity: float, specificity: float) -> float:
    """The true rate behind a judged one, from the judge's known error rates; within [0, 1].

    Parameters
    ----------
    rate : share that the judge calls right
    sensitivity : share of the truly right that the judge calls right
    specificity : share of the truly wrong that the judge calls wrong

    Raises
    ------
    ValueError
        A rate outside [0, 1], or a judge no better than chance (sensitivity + specificity at most 1).

    References
    ----------
    W. J. Rogan, B. Gladen (1978), Estimating prevalence from the results of a screening test, American J. Epidemiology
    107:71-76.

    Examples
    --------
    >>> round(rogan_gladen(0.7, sensitivity=0.85, specificity=0.6), 4)
    0.6667
    """
    for name, value in (("rate", rate), ("sensitivity", sensitivity), ("specificity", specificity)):
        if not 0 <= as_number(value, name) <= 1:
            raise ValueError(f"{name} = {value!r} is not between 0 and 1.")
    informed = sensitivity + specificity - 1
    if informed <= 0:
        raise ValueError(
            f"sensitivity {sensitivity!r} and specificity {specificity!r} are those of a judge no better than chance; "
            "its rate says nothing about the true one."
        )
    return min(1.0, max(0.0, (rate + specificity - 1) / informed))


def _scores(values: npt.ArrayLike, name: str) -> FloatArray:
    array = as_floats(values, name)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions; give one score for each item.")
    if not bool(np.isfinite(array).all()):
        raise ValueError(f"{name} holds NaN or an infinite number.")
    return array


def _probabilities(values: npt.ArrayLike, count: int) -> FloatArray:
    array = _scores(values, "inclusion_probabilities")
    if len(array) != count:
        raise ValueError(f"{len(array)} inclusion probabilities for {count} labels.")
    if not bool(np.all((array > 0) & (array <= 1))):
        raise ValueError("inclusion_probabilities holds a number outside (0, 1].")
    return array
