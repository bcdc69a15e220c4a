"""Evidence of a mean from people's labels and a judge's scores together, valid whenever one stops labelling."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.statistics.arrays import FloatArray
from harness.statistics.betting.sequential import Units, Wealth
from harness.statistics.labels.draws import WEIGHTS, DrawnLabels, LabelQuestion, Of, lowest

#: A judge is trusted by itself once so many of its scores were labelled otherwise.
ENOUGH_ERRORS = 5
_MOST_LOST = 0.95
#: What the labels alone are bet on with: caution, and the variance and cases assumed before the first.
_CAUTION, _EXPECTED_VARIANCE, _EXPECTED_CASES = 0.9, 0.5, 10
_LEAST_ROOM = 1e-3


@dataclass(frozen=True, slots=True)
class LabelWealth(Wealth):
    """Wealth on numbers that can each fall as low as `lows` says: stakes are cut where that could ruin.

    Until the judge was contradicted often enough (`trusted_from`, a number of cases; None: not yet), nothing counts as
    shown but what the labels `alone` show as well. It is always at most the wealth on labels and judge at its best, so
    that the error rate is theirs.
    """

    lows: FloatArray
    alone: Wealth | None = None
    trusted_from: int | None = None

    def log(self, mean: float) -> FloatArray:
        """Natural logarithm of the wealth against a mean after each case, (n,); with `alone` of the most so far."""
        stakes = np.minimum(self.stakes, _MOST_LOST / np.maximum(mean - self.lows, _LEAST_ROOM))
        logs: FloatArray = np.cumsum(np.log1p(stakes * self.units.above(mean)))
        if self.alone is None:
            return logs
        most: FloatArray = np.maximum.accumulate(logs)
        held = len(most) if self.trusted_from is None else self.trusted_from - 1
        most[:held] = np.minimum(most, np.maximum.accumulate(self.alone.log(mean)))[:held]
        return most


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cases that had their turn, each as a number whose expectation is what people say of it on average.

    A case that was not drawn counts as what people were expected to say; one that was, as that plus how far they were
    from it, divided by the probability. Whatever was expected, the mean of these numbers has no bias.

    Attributes
    ----------
    values : (n,) one for each case
    rules : (n, 4) between which each could have been, known before its turn; the stakes on better, on worse
    ends : (n_labels,) how many cases had had their turn after each label
    errors : (n_labels,) how many of the judge's scores people had contradicted by then

    References
    ----------
    T. Zrnic, E. J. Candes (2024), Active statistical inference, ICML (arXiv:2403.03208), the sequential estimator of
    section 4: each case gets a label with a probability that may depend on all before.
    """

    of: Of
    values: FloatArray
    rules: FloatArray
    ends: tuple[int, ...]
    errors: tuple[int, ...]

    @property
    def trusted_from(self) -> int | None:
        """After how many cases the judge had been contradicted often enough to be trusted beside the labels."""
        return next((end for end, n in zip(self.ends, self.errors, strict=True) if n >= ENOUGH_ERRORS), None)

    def better(self) -> LabelWealth:
        """The wealth that was staked on the mean's being higher."""
        units = Units(self.values, np.ones(len(self.values)), lowest(self.of))
        return LabelWealth(units, self.rules[:, 2], self.rules[:, 0])

    def worse(self) -> LabelWealth:
        """The wealth that was staked on its being lower: on the negated values."""
        units = Units(-self.values, np.ones(len(self.values)), -1.0)
        return LabelWealth(units, self.rules[:, 3], -self.rules[:, 1])


def evidence(said: DrawnLabels, of: Of, excluded_as: float | None = None) -> Evidence:
    """Gather the evidence of the labels together with the judge.

    Parameters
    ----------
    said : what comes after the first item without a label does not count yet
    of : "difference" and "baseline" need two versions
    excluded_as : 0 for the worst that may be true of excluded items, 1 for the best; None for what was expected. They
        contradict no judge.
    """
    return _gathered(said, of, excluded_as, by_judge=True)


def labels_alone(
    said: DrawnLabels, of: Of, question: LabelQuestion | None, excluded_as: float | None = None
) -> Evidence:
    """Gather the evidence of the labels without the judge, each weighing the inverse of its probability.

    In place of what a person was expected to say of an item stands the weighted mean of all labels before it.

    Parameters
    ----------
    said, of, excluded_as : as for `evidence`
    question : to tune the stakes to; without one nothing is staked
    """
    found = _gathered(said, of, excluded_as, by_judge=False)
    return found if question is None else replace(found, rules=_staked(found, question))


def _gathered(said: DrawnLabels, of: Of, excluded_as: float | None, *, by_judge: bool) -> Evidence:
    labels = said.labels if excluded_as is None else said.with_excluded(of, excluded_as)
    if not bool(np.all(np.isnan(labels) | ((labels >= 0) & (labels <= 1)))):
        raise ValueError("labels holds a number outside [0, 1].")
    weights, bottom = np.array(WEIGHTS[of][: labels.shape[1]]), lowest(of)

    def figure(scores: FloatArray | tuple[float, ...]) -> float:
        return float(np.dot(weights, scores))

    middle, weight, n_errors = (1 + bottom) / 2, 1.0, 0
    values: list[float] = []
    rules: list[tuple[float, ...]] = []
    ends: list[int] = []
    errors: list[int] = []
    for number, draw in enumerate(said.draws[: said.n_counting]):
        turns = (np.array(draw.passed).reshape(-1, len(weights)) @ weights).tolist()
        rule: tuple[float, ...] = draw.rule(of)
        if not by_judge:
            rule = (middle - (middle - bottom) / draw.floor, middle + (1 - middle) / draw.floor, 0.0, 0.0)
            turns = [turn if place in draw.told else middle for place, turn in enumerate(turns)]
        if draw.case is not None:
            label = figure(labels[number])
            expected, predicted = (figure(draw.expected), figure(draw.predicted)) if by_judge else (middle, middle)
            turns.append(expected + (label - predicted) / draw.probability)
            weight += 1 / draw.probability
            middle += (label - middle) / draw.probability / weight
            off = np.abs(labels[number] - draw.judged) >= 0.5
            n_errors += bool((off & ~said.excluded[number] & (weights != 0)).any())
            ends.append(len(values) + len(turns))
            errors.append(n_errors)
        values += turns
        rules += [rule] * len(turns)
    return Evidence(of, np.array(values), np.array(rules).reshape(-1, 4), tuple(ends), tuple(errors))


def _staked(found: Evidence, question: LabelQuestion) -> FloatArray:
    """Stakes for the labels alone, by the spread of the cases before; cut where the question itself could ruin."""
    lows, highs = found.rules[:, 0], found.rules[:, 1]
    squares = np.cumsum((found.values - question.demanded) ** 2)
    sums = np.concatenate([[0.0], squares])[: len(squares)]
    variances = (sums + _EXPECTED_CASES * _EXPECTED_VARIANCE) / (np.arange(len(squares)) + _EXPECTED_CASES)
    stakes = _CAUTION * question.margin / (variances + question.margin**2)
    better = np.minimum(stakes, _MOST_LOST / np.maximum(question.allowed - lows, _LEAST_ROOM))
    worse = np.minimum(stakes, _MOST_LOST / np.maximum(highs - question.demanded, _LEAST_ROOM))
    return np.stack([lows, highs, better, worse], axis=1)


def prediction_powered(labels: FloatArray, judged: FloatArray, rest: FloatArray) -> tuple[float, float, float]:
    """The mean label over all items, without the judge's bias; its standard error; and the weight of the judge.

    The judge's mean over the items without a label is corrected by how much it was wrong on those with one. The weight
    is that of the smallest variance, so that the mean is never much less precise than that of the labels.

    Parameters
    ----------
    labels, judged : (n_labelled,) scores by people and by the judge, of the same 2 items or more
    rest : (n_unlabelled,) the judge's scores of the other items; none leaves the labels alone

    References
    ----------
    A. N. Angelopoulos, J. C. Duchi, T. Zrnic (2023), PPI++: efficient prediction-powered inference, arXiv:2311.01453.
    """
    n, others = len(labels), len(rest)
    if not others:
        return float(labels.mean()), float(labels.std(ddof=1)) / math.sqrt(n), 0.0
    spread = float(np.concatenate([judged, rest]).var(ddof=1))
    covariance = float(np.cov(labels, judged)[0, 1])
    weight = min(1.0, max(0.0, covariance / ((1 + n / others) * spread))) if spread > 0 else 0.0
    value = weight * float(rest.mean()) + float((labels - weight * judged).mean())
    variance = float((labels - weight * judged).var(ddof=1)) / n
    variance += weight**2 * (float(rest.var(ddof=1)) if others > 1 else spread) / others
    return value, math.sqrt(variance), weight


def with_stakes(found: Evidence, tail: float) -> Evidence:
    """The stakes that were settled with the draws; those of `anytime_interval` for what was not asked."""
    if found.rules[:, 2:].any():
        return found
    steps = np.arange(1, len(found.values) + 1)
    means = (0.5 + np.cumsum(found.values)) / (1 + steps)
    squares = np.concatenate([[0.0], np.cumsum((found.values - means) ** 2)[:-1]])
    stakes = np.sqrt(2 * math.log(1 / tail) / ((_EXPECTED_VARIANCE + squares) * np.log1p(steps)))
    return replace(found, rules=np.column_stack([found.rules[:, :2], stakes, stakes]))
