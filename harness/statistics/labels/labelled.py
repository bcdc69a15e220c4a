"""Estimates a mean from people's labels and a judge's scores together, valid whenever one stops labelling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.statistics.arrays import FloatArray, check_confidence
from harness.statistics.betting.sequential import Units, Wealth
from harness.statistics.labels.draws import KINDS, Draw, LabelQuestion, Of, lowest

#: A judge is trusted by itself once so many of its scores were labelled otherwise.
ENOUGH_ERRORS = 5
_MOST_LOST = 0.95
#: What the labels alone are bet on with: caution, and the variance and cases assumed before the first.
_CAUTION, _EXPECTED_VARIANCE, _EXPECTED_CASES = 0.9, 0.5, 10
_LEAST_ROOM = 1e-3


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cases that had their turn, each as a number whose expectation is what people say of it on average.

    A case that was not drawn counts as what people were expected to say; one that was, as that plus how far they were
    from it, divided by the probability. Whatever was expected, the mean of these numbers has no bias.

    Attributes
    ----------
    of : a rate or a difference
    values : (n,) one for each case
    lows, highs : (n,) between which each could have been, known before its turn
    stakes : (n, 2) on better, on worse
    ends : (n_labels,) how many cases had had their turn after each label
    errors : (n_labels,) how many of the judge's scores people had contradicted by then
    n_draws : how many draws these are

    References
    ----------
    T. Zrnic, E. J. Candes (2024), Active statistical inference, ICML (arXiv:2403.03208), the sequential estimator of
    section 4: each case gets a label with a probability that may depend on all before.
    """

    of: Of
    values: FloatArray
    lows: FloatArray
    highs: FloatArray
    stakes: FloatArray
    ends: tuple[int, ...]
    errors: tuple[int, ...]
    n_draws: int

    @property
    def trusted_from(self) -> int | None:
        """After how many cases the judge had been contradicted often enough to be trusted beside the labels."""
        return next((end for end, n in zip(self.ends, self.errors, strict=True) if n >= ENOUGH_ERRORS), None)

    def better(self) -> LabelWealth:
        """The wealth that was staked on the mean's being higher."""
        units = Units(self.values, np.ones(len(self.values)), lowest(self.of))
        return LabelWealth(units, self.stakes[:, 0], self.lows)

    def worse(self) -> LabelWealth:
        """The wealth that was staked on its being lower: on the negated values."""
        units = Units(-self.values, np.ones(len(self.values)), -1.0)
        return LabelWealth(units, self.stakes[:, 1], -self.highs)


@dataclass(frozen=True, slots=True)
class LabelWealth(Wealth):
    """Wealth on numbers that can each fall as low as `lows` says: stakes are cut where that could ruin."""

    lows: FloatArray

    def log(self, mean: float) -> FloatArray:
        """Natural logarithm of the wealth against a mean after each case, (n,)."""
        stakes = np.minimum(self.stakes, _MOST_LOST / np.maximum(mean - self.lows, _LEAST_ROOM))
        logs: FloatArray = np.cumsum(np.log1p(stakes * self.units.above(mean)))
        return logs

    def until(self, n: int) -> LabelWealth:
        """The same after the first `n` cases."""
        units = Units(self.units.sums[:n], self.units.sizes[:n], self.units.low)
        return LabelWealth(units, self.stakes[:n], self.lows[:n])


def evidence(draws: Sequence[Draw], labels: FloatArray, of: Of, so_far: Evidence | None = None) -> Evidence:
    """Gather the evidence of the labels together with the judge.

    Parameters
    ----------
    draws : in the order drawn
    labels : (n_draws, n_versions) what people said, in [0, 1], more being better; NaN where they have not yet. What
        comes after the first item without a label does not count yet: else quick items would count more.
    of : "difference" needs two versions
    so_far : of the first of these draws, which are then not gone through again
    """
    kind = KINDS.index(of)
    start = 0 if so_far is None else so_far.n_draws
    n = 0 if so_far is None else len(so_far.values)
    wrong = so_far.errors[-1] if so_far is not None and so_far.errors else 0
    values: list[float] = []
    settled: list[tuple[float, ...]] = []
    ends: list[int] = []
    errors: list[int] = []
    complete = _complete(draws[start:], labels[start:], of)
    for draw, label in complete:
        before = len(values)
        values += [_figure(each, of) for each in draw.passed]
        if label is not None:
            off = _figure(label, of) - _figure(draw.predicted, of)
            values.append(_figure(draw.expected, of) + off / draw.probability)
            wrong += _is_wrong(draw, label, of)
            ends.append(n + len(values))
            errors.append(wrong)
        settled += [(*draw.ranges[kind], *draw.stakes[kind])] * (len(values) - before)
    each = np.array(settled, dtype=np.float64).reshape(-1, 4)
    new = Evidence(
        of, np.array(values), each[:, 0], each[:, 1], each[:, 2:], tuple(ends), tuple(errors), start + len(complete)
    )
    return new if so_far is None else _joined(so_far, new)


def _joined(first: Evidence, second: Evidence) -> Evidence:
    return Evidence(
        of=first.of,
        values=np.concatenate([first.values, second.values]),
        lows=np.concatenate([first.lows, second.lows]),
        highs=np.concatenate([first.highs, second.highs]),
        stakes=np.concatenate([first.stakes, second.stakes]),
        ends=first.ends + second.ends,
        errors=first.errors + second.errors,
        n_draws=second.n_draws,
    )


def labels_alone(draws: Sequence[Draw], labels: FloatArray, of: Of, question: LabelQuestion | None = None) -> Evidence:
    """Gather the evidence of the labels without the judge, each weighing the inverse of its probability.

    In place of what a person was expected to say of an item stands the weighted mean of all labels before it.

    Parameters
    ----------
    draws, labels, of : as for `evidence`
    question : to tune the stakes to; without one nothing is staked
    """
    bottom = lowest(of)
    middle, weight = (0.5 if of == "rate" else 0.0), 1.0
    values: list[float] = []
    spans: list[tuple[int, float, float]] = []
    for draw, label in _complete(draws, labels, of):
        said = [middle] * len(draw.passed)
        for place in draw.told:
            said[place] = _figure(draw.passed[place], of)
        spans.append((len(said) + (label is not None), *_span(middle, bottom, draw.floor)))
        if label is not None:
            score = _figure(label, of)
            said.append(middle + (score - middle) / draw.probability)
            weight += 1 / draw.probability
            middle += (score - middle) / draw.probability / weight
        values += said
    each = np.repeat(np.array(spans).reshape(-1, 3)[:, 1:], [span[0] for span in spans], axis=0)
    array = np.array(values, dtype=np.float64)
    both = evidence(draws, labels, of)
    stakes = np.zeros((len(array), 2)) if question is None else _stakes(array, each, question)
    return Evidence(of, array, each[:, 0], each[:, 1], stakes, both.ends, both.errors, both.n_draws)


def _span(middle: float, bottom: float, floor: float) -> tuple[float, float]:
    return middle - (middle - bottom) / floor, middle + (1 - middle) / floor


def _stakes(values: FloatArray, spans: FloatArray, question: LabelQuestion) -> FloatArray:
    """Stakes for the labels alone, by the spread of the cases before; cut where the question itself could ruin."""
    counts = np.arange(len(values)) + _EXPECTED_CASES
    center = question.demanded
    sums = np.concatenate([[0.0], np.cumsum((values - center) ** 2)[:-1]]) if len(values) else values
    variances = (sums + _EXPECTED_CASES * _EXPECTED_VARIANCE) / counts
    stakes = _CAUTION * question.margin / (variances + question.margin**2)
    better = np.minimum(stakes, _MOST_LOST / np.maximum(question.allowed - spans[:, 0], _LEAST_ROOM))
    worse = np.minimum(stakes, _MOST_LOST / np.maximum(spans[:, 1] - question.demanded, _LEAST_ROOM))
    return np.stack([better, worse], axis=1)


def _complete(draws: Sequence[Draw], labels: FloatArray, of: Of) -> list[tuple[Draw, tuple[float, ...] | None]]:
    """The draws up to the first that has no label, each with its label; None for a walk that drew nothing."""
    array = np.asarray(labels, dtype=np.float64)
    array = array.reshape(len(draws), -1) if array.ndim < 2 else array
    versions = 1 if of == "rate" else 2
    if len(array) != len(draws) or (len(draws) and array.shape[1] < versions):
        raise ValueError(f"labels has shape {array.shape} for {len(draws)} draws and {versions} versions.")
    if not bool(np.all(np.isnan(array) | ((array >= 0) & (array <= 1)))):
        raise ValueError("labels holds a number outside [0, 1].")
    found: list[tuple[Draw, tuple[float, ...] | None]] = []
    for draw, label in zip(draws, array[:, :versions].tolist(), strict=True):
        if draw.case is not None and any(each != each for each in label):
            break
        found.append((draw, None if draw.case is None else tuple(label)))
    return found


def _figure(scores: Sequence[float], of: Of) -> float:
    return scores[0] if of == "rate" else scores[0] - scores[1]


def _is_wrong(draw: Draw, label: Sequence[float], of: Of) -> bool:
    versions = 1 if of == "rate" else 2
    return any(abs(said - judged) >= 0.5 for said, judged in zip(label[:versions], draw.judged[:versions], strict=True))


@dataclass(frozen=True, slots=True)
class LabelledEstimate:
    """A mean from labels and judge, with a two-sided interval that holds whenever one stops.

    The mean is free of bias where the number of cases that had their turn was not chosen by looking at labels. At a
    number of labels it leans a little downwards, because more is asked the worse it looks. `weight` is how far the
    judge's scores of the other cases were trusted.
    """

    value: float
    standard_error: float
    low: float
    high: float
    weight: float
    method: str


def labelled_mean(
    draws: Sequence[Draw], labels: FloatArray, of: Of, judged: FloatArray, confidence_level: float = 0.95
) -> LabelledEstimate:
    """The mean that people would give all cases of the kind, from their labels of some and the judge's scores of all.

    The cases that had their turn are a random part of all; each has a value without bias (`Evidence`). They stand for
    the labelled ones in `prediction_powered`, the cases to come for the others. Its own interval is not given: where
    a judge that is sure is seldom wrong, a few heavy labels carry the spread, and Student's t at 0.95 held the truth in
    0.88 to 0.93 of simulated gates.

    Parameters
    ----------
    draws, labels, of : as for `evidence`
    judged : (n_cases,) the judge's score of each case (of a difference: candidate less baseline), in the order of turns
    confidence_level : in (0, 1)

    Returns
    -------
    LabelledEstimate
        With fewer than 5 labels that contradict the judge: by the labels alone, weighted by their probabilities. An
        estimate without bias may lie beyond what is possible: then the nearest mean that is. `low` <= `value` <=
        `high`; all that is possible below two labels.

    References
    ----------
    A. N. Angelopoulos, J. C. Duchi, T. Zrnic (2023), PPI++, arXiv:2311.01453; Zrnic and Candes (2024), as above.
    """
    tail = (1 - check_confidence(confidence_level)) / 2
    found = evidence(draws, labels, of)
    n_labels, seen, bottom = len(found.ends), len(found.values), lowest(of)
    if n_labels < 2:
        value = min(1.0, max(bottom, float(found.values.mean()))) if seen else math.nan
        return LabelledEstimate(value, math.inf, bottom, 1.0, 0.0, "fewer than 2 labels")
    trusted = found.errors[-1] >= ENOUGH_ERRORS
    values = found.values if trusted else labels_alone(draws, labels, of).values
    rest = judged[seen:] if trusted else np.empty(0)
    mean, error, weight = prediction_powered(values, judged[:seen], rest, trusted=trusted)
    value = min(1.0, max(bottom, mean))
    low, high = _interval(found, tail)
    method = "labels and judge, prediction-powered" if trusted else "labels alone, weighted by their probabilities"
    return LabelledEstimate(
        value=value,
        standard_error=error,
        low=min(low, value),
        high=max(high, value),
        weight=weight,
        method=f"{method}; interval by betting, valid whenever one stops",
    )


def prediction_powered(
    labels: FloatArray, judged: FloatArray, rest: FloatArray, *, trusted: bool = True
) -> tuple[float, float, float]:
    """The mean label over all items, without the judge's bias; its standard error; and the weight of the judge.

    The judge's mean over the items without a label is corrected by how much it was wrong on those with one. The weight
    is that of the smallest variance, so that the mean is never much less precise than that of the labels.

    Parameters
    ----------
    labels, judged : (n_labelled,) scores by people and by the judge, of the same 2 items or more
    rest : (n_unlabelled,) the judge's scores of the other items; may be empty
    trusted : False leaves the labels alone

    References
    ----------
    A. N. Angelopoulos, J. C. Duchi, T. Zrnic (2023), PPI++: efficient prediction-powered inference, arXiv:2311.01453.
    """
    n, others = len(labels), len(rest)
    if not others or not trusted:
        return float(labels.mean()), float(labels.std(ddof=1)) / math.sqrt(n), 0.0
    spread = float(np.concatenate([judged, rest]).var(ddof=1))
    covariance = float(np.cov(labels, judged)[0, 1])
    weight = min(1.0, max(0.0, covariance / ((1 + n / others) * spread))) if spread > 0 else 0.0
    value = weight * float(rest.mean()) + float((labels - weight * judged).mean())
    variance = float((labels - weight * judged).var(ddof=1)) / n
    variance += weight**2 * (float(rest.var(ddof=1)) if others > 1 else spread) / others
    return value, math.sqrt(variance), weight


def _interval(found: Evidence, tail: float) -> tuple[float, float]:
    """By the stakes that were settled with the draws; by those of `anytime_interval` for what was not asked."""
    if not found.stakes.any():
        steps = np.arange(1, len(found.values) + 1)
        means = (0.5 + np.cumsum(found.values)) / (1 + steps)
        squares = np.concatenate([[0.0], np.cumsum((found.values - means) ** 2)[:-1]])
        stakes = np.sqrt(2 * math.log(1 / tail) / ((_EXPECTED_VARIANCE + squares) * np.log1p(steps)))
        found = replace(found, stakes=np.stack([stakes, stakes], axis=1))
    return found.better().bound(tail, 1.0), -found.worse().bound(tail, -lowest(found.of))
