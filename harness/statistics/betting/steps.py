"""The place in a series of versions where their mean fell by one step: evidence that may be looked at at any time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from harness.statistics.arrays import BoolArray, FloatArray
from harness.statistics.betting.sequential import LEAST_ROOM, MOST_LOST, crossing

#: The part of the error rate that the levels of both ends may spend; the rest is for the set.
_OF_LEVELS = 0.4
#: The part of the drop seen that has to lie between the levels before versions in between are worth a sample.
_APART = 0.25
#: Shares of the wealth that are staked on a bound side by side: which is best depends on how long it takes.
_SHARES = MOST_LOST * 2.0 ** -np.arange(6)
_CAUTION = 0.9
_LARGEST_LOG, _SURE = 700.0, 30.0


def lower_bound(scores: FloatArray, tail: float) -> float:
    """The mean over these cases below which all are ruled out, whenever one stops.

    A round is a sample of every case, and one share s of the wealth is staked on each of its scores x: a factor of
    1 - s + s·x / m. Samples are independent, so the expected product is at most the mean factor to the power of the
    cases (the inequality of the arithmetic and the geometric mean): at most 1 where the mean over the cases is at most
    m, however they differ. From x is taken what earlier rounds let expect of its case, so that only the noise within
    cases costs wealth.

    Parameters
    ----------
    scores : (n_cases, n_rounds), in [0, 1], no NaN
    tail : the chance of being wrong, in (0, 1)

    References
    ----------
    I. Waudby-Smith, A. Ramdas (2024), Estimating means of bounded random variables by betting, J. R. Statistical
    Society B 86:1-27, for capital processes and their mixtures; J. Ville (1939) for the chance of being wrong.
    """
    values, room = _centred(scores, np.full(len(scores), 0.5), 1.0)

    def log_wealth(mean: float) -> float:
        logs = np.stack([_logs(values, room, mean, share).cumsum() for share in _SHARES])
        return float(np.logaddexp.reduce(logs, axis=0).max()) - math.log(len(_SHARES) / tail)

    return crossing(log_wealth, 0.0, 1.0)


def _centred(scores: FloatArray, prior: FloatArray, weight: float) -> tuple[FloatArray, FloatArray]:
    """Samples less what is expected of their case, plus the mean of that; and by how much they can lie below 0.

    What is expected is the mean of a case's earlier samples and of `prior`, (n_cases,), which counts for `weight`.
    """
    before = np.cumsum(scores, axis=1) - scores
    expected = (weight * prior[:, np.newaxis] + before) / (weight + np.arange(scores.shape[1]))
    mean = expected.mean(axis=0)
    return scores - expected + mean, expected.max(axis=0) - mean


def _logs(values: FloatArray, room: FloatArray, mean: float, share: float | FloatArray) -> FloatArray:
    """The logarithm of each round's factor, (n_rounds,), with this share staked on lying above `mean`."""
    ratios = (values + room) / np.maximum(mean + room, LEAST_ROOM)
    factors: FloatArray = np.log1p(share * (ratios - 1)).sum(axis=0)
    return factors


class StepSearch:
    """The places where a series of versions may have got worse: `possible[c]` while c may be the first that did.

    If it is c, the versions before it have a mean of at least `before`, and those from it on of at most `after`, bounds
    from the ends. A bettor against c stakes on the versions for which she believes the opposite, by a posterior over
    the places; her wealth is a nonnegative supermartingale that starts at 1, whichever version is sampled next and for
    how long, so it reaches 1 / level with a chance of at most `level` (Ville 1939). The true place is ruled out with a
    chance of at most 1 - confidence_level, wrong bounds included.

    Parameters
    ----------
    good, bad : (n_cases, n_rounds) of the first version and the last, in [0, 1]
    n_versions : of the series, both ends included

    References
    ----------
    A. Saha, A. Ramdas (2025), Post-detection inference for sequential changepoint localization, arXiv:2502.06096: the
    places whose e-processes stay small. R. Waeber, P. I. Frazier, S. G. Henderson (2013), Bisection search with noisy
    responses, SIAM J. Control and Optimization 51:2261-2279: to sample at the median of the posterior.
    """

    def __init__(self, good: FloatArray, bad: FloatArray, n_versions: int, confidence_level: float) -> None:
        levels = (1 - confidence_level) * _OF_LEVELS
        self._level = 1 - confidence_level - levels
        self.before, self.after = lower_bound(good, levels / 2), 1 - lower_bound(1 - bad, levels / 2)
        self.good, self.bad = float(good.mean()), float(bad.mean())
        self.drop, self.width = self.good - self.bad, self.before - self.after
        self.possible: BoolArray = np.arange(n_versions) > 0
        self._n_rounds, self._priors = good.shape[1], (good.mean(axis=1), bad.mean(axis=1))
        self._variance = float(good.var(axis=1).mean() + bad.var(axis=1).mean()) / 2 + LEAST_ROOM
        self._spans: dict[str, tuple[int, int]] = {}
        self._evidence: dict[str, FloatArray] = {}  # for above `after`, for below `before`, for good against bad

    @property
    def is_shown(self) -> bool:
        """True if the last version is shown to be worse, by enough that those in between can be told."""
        return self.width >= _APART * self.drop > 0

    @property
    def rounds_needed(self) -> float:
        """The rounds of both ends that would show the drop seen, if it is larger by half of what is uncertain of it."""
        uncertain = self.drop - self.width
        drop = self.drop + uncertain / 2
        return self._n_rounds * (uncertain / (1 - _APART) / drop) ** 2 if drop > 0 else math.inf

    @property
    def posterior(self) -> FloatArray:
        """The chance of each place, (n_versions,), of those that are possible."""
        logs = np.where(self.possible, sum(each[2] * good for each, _, good in self._claims()), -np.inf)
        shares = np.exp(logs - logs.max())
        posterior: FloatArray = shares / shares.sum()
        return posterior

    def _claims(self) -> Iterator[tuple[FloatArray, BoolArray, BoolArray]]:
        """The evidence of each version, with the places that take it for bad, and those that take it for good."""
        places = np.arange(len(self.possible))
        for name, (first, last) in self._spans.items():
            yield self._evidence[name], places <= first, places > last

    def next_place(self, usable: BoolArray) -> int | None:
        """The version nearest to the median of the posterior, of those that tell possible places apart."""
        places, chances = np.flatnonzero(self.possible), self.posterior.cumsum()
        telling = [place for place in range(places[0], places[-1]) if usable[place]]
        return min(telling, key=lambda place: abs(chances[place] - 0.5), default=None)

    def place(self, fingerprint: str, place: int, end: int | None = None) -> None:
        """Say where a version stands, and whether it is that of an end (0 or -1): no version is good and bad."""
        places, (first, last) = np.arange(len(self.possible)), self._spans.get(fingerprint, (place, place))
        first, last = self._spans[fingerprint] = min(first, place), max(last, place)
        self._evidence.setdefault(fingerprint, np.zeros(3))
        self.possible &= (places <= (-1 if end == 0 else first)) | (places > (len(places) if end == -1 else last))

    def add(self, fingerprint: str, scores: FloatArray, n_new: int) -> None:
        """Take in the samples of a version, (n_cases, n_rounds), of which the last `n_new` rounds are new."""
        means = scores.mean(axis=0)[-n_new:] - (self.good + self.bad) / 2
        steps = means * self.drop * len(scores) / self._variance
        chance = np.clip(self.posterior[self._spans[fingerprint][1] + 1 :].sum(), 1e-9, 1 - 1e-9)
        logits = np.log(chance / (1 - chance)) + np.cumsum(steps) - steps
        belief = 1 / (1 + np.exp(-np.clip(logits, -_SURE, _SURE)))  # before each round
        above = self._factors(scores, self._priors[0], self.after, (self.good + self.before) / 2)
        below = self._factors(1 - scores, 1 - self._priors[1], 1 - self.before, 1 - (self.bad + self.after) / 2)
        wealth = [np.log1p(belief**2 * above[-n_new:]), np.log1p((1 - belief) ** 2 * below[-n_new:]), steps]
        self._evidence[fingerprint] += np.sum(wealth, axis=1)
        logs = sum(each[0] * bad + each[1] * good for each, bad, good in self._claims())
        self.possible &= logs < -math.log(self._level)

    def _factors(self, scores: FloatArray, prior: FloatArray, mean: float, aim: float) -> FloatArray:
        """What each round wins of a stake against a mean, at the share that grows fastest if the truth is at `aim`."""
        values, room = _centred(scores, prior, self._n_rounds)
        stake = _CAUTION * (aim - mean) / (self._variance + (aim - mean) ** 2)
        logs = _logs(values, room, mean, np.minimum(stake * (mean + room), MOST_LOST))
        won: FloatArray = np.expm1(np.minimum(logs, _LARGEST_LOG))
        return won
