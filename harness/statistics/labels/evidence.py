"""Evidence of a mean from people's labels and a judge's scores together, valid whenever one stops labelling."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.statistics.arrays import FloatArray
from harness.statistics.betting.sequential import LEAST_ROOM, MOST_LOST, Units, Wealth, anytime_stakes
from harness.statistics.labels.draws import WEIGHTS, DrawnLabels, LabelQuestion, Of, lowest

#: A judge is trusted by itself once so many of its scores were labelled otherwise.
ENOUGH_ERRORS = 5
#: What the labels alone are bet on with: caution, and the variance and cases assumed before the first.
_CAUTION, _EXPECTED_VARIANCE, _EXPECTED_CASES = 0.9, 0.5, 10


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
        stakes = np.minimum(self.stakes, MOST_LOST / np.maximum(mean - self.lows, LEAST_ROOM))
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

    def staked(self, tail: float) -> Evidence:
        """The same; of what was not asked, so that nothing was staked, with the stakes of an interval at any time."""
        if self.rules[:, 2:].any():
            return self
        stakes = anytime_stakes(self.better().units, tail, _EXPECTED_VARIANCE)
        return replace(self, rules=np.column_stack([self.rules[:, :2], stakes, stakes]))


def evidence(labels: DrawnLabels, of: Of, excluded_as: float | None = None) -> Evidence:
    """Gather the evidence of the labels together with the judge.

    Parameters
    ----------
    labels : what comes after the first item without a label does not count yet
    of : "difference" and "baseline" need two versions
    excluded_as : 0 for the worst that may be true of excluded items, 1 for the best; None for what was expected. They
        contradict no judge.
    """
    return _gathered(labels, of, excluded_as, by_judge=True)


def labels_alone(
    labels: DrawnLabels, of: Of, question: LabelQuestion | None, excluded_as: float | None = None
) -> Evidence:
    """Gather the evidence of the labels without the judge, each weighing the inverse of its probability.

    In place of what a person was expected to say of an item stands the weighted mean of all labels before it.

    Parameters
    ----------
    labels, of, excluded_as : as for `evidence`
    question : to tune the stakes to, by the spread of the cases before, and cut where the question itself could ruin;
        without one nothing is staked
    """
    gathered = _gathered(labels, of, excluded_as, by_judge=False)
    if question is None:
        return gathered
    lows, highs = gathered.rules[:, 0], gathered.rules[:, 1]
    sums = np.concatenate([[0.0], np.cumsum((gathered.values - question.demanded) ** 2)])[: len(lows)]
    variances = (sums + _EXPECTED_CASES * _EXPECTED_VARIANCE) / (np.arange(len(sums)) + _EXPECTED_CASES)
    stakes = _CAUTION * question.margin / (variances + question.margin**2)
    better = np.minimum(stakes, MOST_LOST / np.maximum(question.allowed - lows, LEAST_ROOM))
    worse = np.minimum(stakes, MOST_LOST / np.maximum(highs - question.demanded, LEAST_ROOM))
    return replace(gathered, rules=np.stack([lows, highs, better, worse], axis=1))


def _gathered(drawn: DrawnLabels, of: Of, excluded_as: float | None, *, by_judge: bool) -> Evidence:
    labels = drawn.labels if excluded_as is None else drawn.with_excluded(of, excluded_as)
    if not bool(np.all(np.isnan(labels) | ((labels >= 0) & (labels <= 1)))):
        raise ValueError("labels holds a number outside [0, 1].")
    weights, bottom = np.array(WEIGHTS[of][: labels.shape[1]]), lowest(of)
    counting = drawn.draws[: drawn.n_counting]
    is_asked = drawn.is_asked[: len(counting)]
    asked = [draw for draw in counting if draw.case is not None]

    def figures(rows: list[tuple[float, ...]]) -> FloatArray:
        numbers: FloatArray = np.array(rows, dtype=np.float64).reshape(-1, len(weights)) @ weights
        return numbers

    n_turns = np.array([len(draw.passed) for draw in counting], dtype=np.int64) + is_asked
    ends = np.cumsum(n_turns)
    chances, marks = np.array([draw.probability for draw in asked]), labels[: len(counting)][is_asked]
    expected, predicted = figures([draw.expected for draw in asked]), figures([draw.predicted for draw in asked])
    values = np.zeros(int(n_turns.sum()))
    is_drawn = np.zeros(len(values), dtype=np.bool_)
    is_drawn[ends[is_asked] - 1] = True
    values[~is_drawn] = figures([row for draw in counting for row in draw.passed])
    rules = np.array([draw.rule(of) for draw in counting]).reshape(-1, 4)
    if not by_judge:
        # The mean of the labels before each draw, with half of what is possible as one label.
        sums = np.cumsum(np.where(is_asked, 1.0, 0.0))  # labels up to each draw
        heavy = np.concatenate([[1.0], 1.0 + np.cumsum(1 / chances)])
        middles = (
            np.concatenate([[(1 + bottom) / 2], (1 + bottom) / 2 + np.cumsum((marks @ weights) / chances)]) / heavy
        )
        middle = middles[(sums - is_asked).astype(np.int64)]
        expected = predicted = middle[is_asked]
        is_known = [place in draw.known_passed for draw in counting for place in range(len(draw.passed))]
        rest = np.repeat(middle, n_turns)[~is_drawn]
        values[~is_drawn] = np.where(np.array(is_known, dtype=np.bool_), values[~is_drawn], rest)
        floors = np.array([draw.floor for draw in counting])
        nothing = np.zeros(len(counting))
        rules = np.stack(
            [middle - (middle - bottom) / floors, middle + (1 - middle) / floors, nothing, nothing], axis=1
        )
    values[is_drawn] = expected + (marks @ weights - predicted) / chances
    off = np.abs(marks - np.array([draw.judged for draw in asked]).reshape(-1, len(weights))) >= 0.5
    off = (off & ~drawn.excluded[: len(counting)][is_asked] & (weights != 0)).any(axis=1)
    return Evidence(
        of, values, np.repeat(rules, n_turns, axis=0), tuple(ends[is_asked].tolist()), tuple(np.cumsum(off).tolist())
    )


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
