"""Draws the next item for people with known probabilities, more often where the judge is in doubt.

The stake on the next case, and the chance of asking people, are set so that the cases that are left decide.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from scipy import special

from harness.statistics.arrays import BoolArray, FloatArray, IntArray
from harness.statistics.betting.sequential import Wealth
from harness.statistics.labels.draws import WEIGHTS, Draw, DrawnLabels, LabelQuestion, Of
from harness.statistics.labels.evidence import Evidence, evidence, labels_alone
from harness.statistics.searching import halved

#: The smallest probability as a share of the mean one: no item weighs more than ten times what a uniform draw gives it.
FLOOR = 0.1
#: The least doubt that a judge may be said to be in, so that no look at the cases to come is needed to know it.
LEAST_DOUBT = 0.2
#: The cases seen last that probabilities are tuned to, and those that are imagined before the first.
_RECENT = 500
_IMAGINED = np.linspace(0.35, 0.95, 8)
#: The score of a pair whose answers are as good as each other.
_TIE = 0.5
#: A judge's 0 and 1 are read as these: no judge is always right.
_NEVER, _ALWAYS = 0.02, 0.98
#: The curve before the first label: intercept, slope on the score, slope on the other version's; each with a precision
#: of 1.
_PRIOR = np.array([0.5, 0.5, 0.0])
_STEPS = 8
#: The part of the wealth that the label which one least wishes for can cost.
_MOST_LOST = 0.9
#: The part of the fastest bet that is staked, and how many standard deviations of the wealth are planned for.
_CAUTION, _RESERVE = 0.9, 0.8
#: The most labels that evidence is worth: probability for each unit of spread. Tuned by simulation: more decides more
#: suites before their last case, at the price of more labels in each.
_MOST_BUDGET = 1.2
#: Before anything is seen: a case's variance, the cases that it counts for, and those that the demanded mean counts for
#: as a multiple of 1 / margin².
_EXPECTED_VARIANCE, _EXPECTED_CASES, _EXPECTED_DEMANDED = 0.3, 10, 0.7
_HALVINGS = 8
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Randomness:
    """The random numbers of the cases: each has its own, so that they do not depend on which other cases there are.

    Attributes
    ----------
    order : (n_cases,) rows in the order of their turns
    coins : (n_cases,) in [0, 1): a case is drawn if its probability is above
    picks : (n_cases,) in [0, 1): which of its samples is shown
    """

    order: IntArray
    coins: FloatArray
    picks: FloatArray


def draw_randomness(case_ids: Sequence[str], seed: int | str) -> Randomness:
    """Draw from a seed and the cases' own names, each given once; the same wherever and whenever it is done.

    Examples
    --------
    >>> draw_randomness(["peru", "chad", "fiji"], seed=1).order.tolist()
    [1, 2, 0]
    """
    digests = [hashlib.sha256(f"{seed}\0{case}".encode("utf-8", "surrogatepass")).digest() for case in case_ids]
    words = np.array([np.frombuffer(each, dtype=">u8")[:3] for each in digests], dtype=np.uint64).reshape(-1, 3)
    numbers = (words >> np.uint64(11)).astype(np.float64) / 2.0**53
    return Randomness(np.argsort(numbers[:, 0], kind="stable"), numbers[:, 1], numbers[:, 2])


class Items:
    """The judged cases of an evaluation, as `next_draw` looks at them.

    Parameters
    ----------
    scores : of each version, the candidate first: (n_cases, n_samples) judge's scores in [0, 1], more being better; NaN
        for missing samples, at least one for each case
    randomness : of these cases
    same : (n_cases,) whether what both versions are shown to have said (`shown`) is the same text, so that there is
        nothing to ask about their difference; or, of pairs with one score each, both answers of it, so that it is a tie
    doubt : (n_cases,) `LEAST_DOUBT` or more: how far people scatter around what the judge's score lets expect, beside
        other cases; 1 where None. It shares the scatter out among the cases, and makes it neither more nor less over
        those seen
    """

    def __init__(
        self,
        scores: Sequence[FloatArray],
        randomness: Randomness,
        same: BoolArray | None = None,
        doubt: FloatArray | None = None,
    ) -> None:
        n = len(randomness.order)
        self.scores, self.randomness = tuple(scores), randomness
        self.shown = [shown(each, randomness) for each in scores]
        self.same = np.zeros(n, dtype=np.bool_) if same is None else same
        self.doubt = np.ones(n) if doubt is None else doubt
        self.least_doubt = 1.0 if doubt is None else LEAST_DOUBT
        self._odds = [log_odds(each) for each in scores]
        means = [np.nanmean(each, axis=1) for each in self._odds]
        self._others = means[::-1] if len(means) == 2 else [np.zeros(n)]

    def judged(self, cases: IntArray) -> FloatArray:
        """Judge scores of what is shown, (n, n_versions)."""
        return np.stack([scores[cases, at[cases]] for scores, at in zip(self.scores, self.shown, strict=True)], axis=1)

    def predicted(self, curve: FloatArray, cases: IntArray) -> tuple[FloatArray, FloatArray]:
        """Predict what people say of what is shown, and of all samples on average, (n, n_versions) each."""
        rows, pairs = np.arange(len(cases)), zip(self._odds, self._others, strict=True)
        everything = [predicted(curve, odds[cases], others[cases, np.newaxis]) for odds, others in pairs]
        items = [each[rows, at[cases]] for each, at in zip(everything, self.shown, strict=True)]
        return np.stack(items, axis=1), np.stack([np.nanmean(each, axis=1) for each in everything], axis=1)

    def judged_means(self, of: Of) -> FloatArray:
        """The judge's score of each case over all its samples, (n_cases,), in the order of turns."""
        means = np.stack([np.nanmean(scores, axis=1) for scores in self.scores], axis=1)
        figures: FloatArray = (means @ WEIGHTS[of][: len(self.scores)])[self.randomness.order]
        return figures

    def learnt(self, labels: DrawnLabels) -> FloatArray:
        """The curve that fits all labels that are there."""
        there = np.flatnonzero(labels.is_asked & ~np.isnan(labels.labels).any(axis=1))
        cases = np.array([labels.draws[number].case for number in there], dtype=np.int64)
        own = log_odds(self.judged(cases)).T
        others = np.stack([each[cases] for each in self._others])
        return fitted_curve(own.ravel(), others.ravel(), labels.labels[there].T.ravel())


def shown(scores: FloatArray, randomness: Randomness) -> IntArray:
    """Choose the sample of each case that people are shown, (n_cases,): any that is there, with the same chance."""
    there = ~np.isnan(scores)
    wanted = np.floor(randomness.picks * there.sum(axis=1)).astype(np.int64) + 1
    return np.asarray((np.cumsum(there, axis=1) == wanted[:, np.newaxis]).argmax(axis=1), dtype=np.int64)


def log_odds(scores: FloatArray) -> FloatArray:
    """Log odds of judge scores in [0, 1]; NaN stays NaN."""
    return np.asarray(special.logit(np.clip(scores, _NEVER, _ALWAYS)), dtype=np.float64)


def predicted(curve: FloatArray, odds: FloatArray, others: FloatArray) -> FloatArray:
    """Predict what people say on average, in (0, 1), by a `fitted_curve`."""
    return np.asarray(special.expit(curve[0] + curve[1] * odds + curve[2] * others), dtype=np.float64)


def fitted_curve(odds: FloatArray, others: FloatArray, labels: FloatArray) -> FloatArray:
    """The logistic curve from judge scores to what people say, held near what is expected before the first label.

    Parameters
    ----------
    odds, others : (n,) log odds of the judge's score and of the other version's of the same case (0: none)
    labels : (n,) in [0, 1]

    Returns
    -------
    FloatArray
        (3,) the coefficients of 1, `odds` and `others`

    References
    ----------
    J. Platt (1999), Probabilistic outputs for support vector machines, in Advances in Large Margin Classifiers; by
    Newton's method with a normal prior.
    """
    design = np.stack([np.ones(len(odds)), odds, others], axis=1)
    curve = _PRIOR
    for _ in range(_STEPS):
        expected = special.expit(design @ curve)
        slope = design.T @ (labels - expected) - (curve - _PRIOR)
        curvature = (design * (expected * (1 - expected))[:, np.newaxis]).T @ design + np.eye(3)
        step = np.linalg.solve(curvature, slope)
        curve = curve + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-6:
            break
    return curve


def next_draw(
    items: Items, labels: DrawnLabels, questions: Sequence[LabelQuestion], known: Sequence[Evidence] | None = None
) -> Draw | None:
    """The next item for people; None where every case has had its turn.

    Cases have their turns in random order. Each is drawn with a probability of `ruin + budget * spread`: the
    spread of what people may say of it given the judge's scores (largest where it is in doubt), and what is needed for
    no single label to cost a bettor everything; never less than a tenth of the mean probability. The budget is the
    smallest that lets the cases still to come decide, set anew at each draw: by labels and judge, or, where these
    have decided and the judge was contradicted too seldom to be trusted, by the labels alone. All of it is settled
    before the cases to come are looked at.

    Parameters
    ----------
    items : the judged cases
    labels : all draws so far; labels that are still missing only make the draw less apt
    questions : what is to be decided; one, or one of each kind
    known : the `evidence` for each question, where it is known already

    References
    ----------
    Zrnic and Candes (2024), Active statistical inference, for probabilities that follow the judge's uncertainty and are
    mixed with a uniform floor; S. Shekhar, Z. Xu, Z. C. Lipton, P. J. Liang, A. Ramdas (2023), Risk-limiting financial
    audits via weighted sampling without replacement, UAI (PMLR 216), for bets on labels so drawn.
    """
    turn = sum(len(draw.passed) + (draw.case is not None) for draw in labels.draws)
    order = items.randomness.order
    if turn >= len(order):
        return None
    curve, seen = items.learnt(labels), order[max(0, turn - _RECENT) : turn]
    imagined = np.repeat(_IMAGINED[:, np.newaxis], len(items.scores), axis=1)
    means = np.concatenate([imagined, items.predicted(curve, seen)[0]])
    doubt = np.concatenate([np.ones(len(imagined)), items.doubt[seen]])
    same = np.concatenate([np.zeros(len(imagined), dtype=np.bool_), items.same[seen]])
    # The doubt that counts as 1: at which the cases seen scatter as much as their scores tell.
    variances = (means * (1 - means)).sum(axis=1)
    usual = float(np.sqrt((variances * doubt**2).sum() / variances.sum()))
    paces, chances = [], np.zeros(len(means))
    for number, question in enumerate(questions):
        evidence_now = evidence(labels, question.of) if known is None else known[number]
        if evidence_now.trusted_from is None and _is_shown(question, evidence_now):
            evidence_now = labels_alone(labels, question.of, question)
        look = _look(question.of, means, means, doubt / usual, same)
        paces.append(paced(question, evidence_now, look, len(order) - len(evidence_now.values)))
        chances = np.maximum(chances, paces[-1].chances(look))
    floor = max(FLOOR * float(chances.mean()), *(pace.least(items.least_doubt / usual) for pace in paces))

    differs = all(question.of == "difference" for question in questions)
    return _drawn(items, order[turn:], curve, paces, floor, usual, differs=differs)


def _drawn(
    items: Items,
    cases: IntArray,
    curve: FloatArray,
    paces: Sequence[DrawRule],
    floor: float,
    usual: float,
    *,
    differs: bool,
) -> Draw:
    """Go through the cases to come up to the first that is drawn; `differs` where all that is asked is a difference."""
    means, averages = items.predicted(curve, cases)
    chances = np.full(len(cases), floor)
    for pace in paces:
        look = _look(pace.question.of, means, averages, items.doubt[cases] / usual, items.same[cases])
        chances = np.maximum(chances, pace.chances(look))
    # The same text twice: the difference is known to be 0, or the pair a tie, as if it were labelled.
    is_pair = len(items.scores) == 1
    is_known = items.same[cases] & (is_pair or differs)
    if is_pair:
        averages[is_known] = _TIE
    else:
        averages[is_known, 1] += means[is_known, 0] - means[is_known, 1]
    drawn = np.flatnonzero((items.randomness.coins[cases] < chances) & ~is_known)
    end = int(drawn[0]) if len(drawn) else len(cases)
    passed = Draw(
        case=None,
        samples=(),
        probability=1.0,
        judged=(),
        predicted=(),
        expected=(),
        passed=tuple(map(tuple, averages[:end].tolist())),
        known_passed=tuple(np.flatnonzero(is_known[:end]).tolist()),
        floor=floor,
        rules={pace.question.of: (pace.low, pace.high, *pace.stakes) for pace in paces},
    )
    if end == len(cases):
        return passed
    case = int(cases[end])
    return replace(
        passed,
        case=case,
        samples=tuple(int(at[case]) for at in items.shown),
        probability=float(min(chances[end], 1.0)),
        judged=tuple(items.judged(cases[[end]])[0].tolist()),
        predicted=tuple(means[end].tolist()),
        expected=tuple(averages[end].tolist()),
    )


def _is_shown(question: LabelQuestion, evidence_now: Evidence) -> bool:
    """Tell whether labels and judge show that the candidate passes, or that it is worse."""
    passed = evidence_now.better().first_above(question.allowed, question.level)
    return passed is not None or evidence_now.worse().first_above(-question.demanded, question.red_level) is not None


def _look(of: Of, means: FloatArray, averages: FloatArray, doubt: FloatArray, same: BoolArray) -> Forecast:
    """Cases as one kind of question sees them; `means` and `averages` are (n, n_versions)."""
    weights = np.array(WEIGHTS[of][: means.shape[1]])
    spread = np.sqrt((means * (1 - means)) @ weights**2) * doubt
    is_known = same & (len(weights) == 1 or of == "difference")
    return Forecast(means @ weights, averages @ weights, np.where(is_known, 0.0, spread))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What people will say of the item of each case that is shown, of all its samples on average, and how far they
    scatter around that (a standard deviation), for one question; (n,) each.
    """

    predicted: FloatArray
    averages: FloatArray
    spread: FloatArray


@dataclass(frozen=True, slots=True)
class DrawRule:
    """The rule of one draw for one question: settled before its cases are looked at.

    Attributes
    ----------
    low, high : between which every case's value is kept, by giving it probability enough
    stakes : on better, on worse
    budget : probability for each unit of spread
    """

    question: LabelQuestion
    low: float
    high: float
    stakes: tuple[float, float]
    budget: float

    def chances(self, look: Forecast) -> FloatArray:
        """The probability with which each case is drawn, (n,), in (0, 1]."""
        return np.minimum(self.ruin(look) + self.budget * look.spread, 1.0)

    def ruin(self, look: Forecast) -> FloatArray:
        """The smallest probability that keeps a case's value in its range whatever people say."""
        down = (look.predicted - self.question.lowest) / (look.averages - self.low)
        up = (1 - look.predicted) / (self.high - look.averages)
        return np.maximum(down, up)

    def least(self, doubt: float) -> float:
        """Give a bound below any case's probability, whatever its judge's scores; `doubt` is the least possible."""
        lowest = self.question.lowest
        grid = np.linspace(lowest, 1.0, 201)
        down, up = (grid - lowest) / (1 - self.low), (1 - grid) / (self.high - lowest)
        spread = np.sqrt(grid * (1 - grid)) * doubt if self.question.of == "rate" else 0.0
        return float(np.minimum(np.maximum(down, up) + self.budget * spread, 1.0).min()) * (1 - 1e-6)


def lacking(question: LabelQuestion, better: Wealth, worse: Wealth) -> tuple[float, float]:
    """Give the distance of the log wealth on better, and on worse, from its goal; a little where it is reached."""
    have = (0.0, 0.0)
    if len(better.stakes):
        have = float(better.log(question.allowed)[-1]), float(worse.log(-question.demanded)[-1])
    return max(-math.log(question.level) - have[0], 0.05), max(-math.log(question.red_level) - have[1], 0.05)


def paced(question: LabelQuestion, evidence_now: Evidence, seen: Forecast, left: int) -> DrawRule:
    """The rule for the next draw.

    The variance that a case's value may have for the `left` cases to reach the level tells how often to ask. In the
    approximation by a normal distribution the wealth's logarithm grows by gain² / (2 variance) a case with twice that
    variance; a reserve is planned for. The budget is the smallest at which what is left to chance by asking some alone
    adds no more.

    Parameters
    ----------
    question, evidence_now : what is asked, and what is known
    seen : cases that had their turn, or were imagined, with what is expected of them now
    left : how many cases are still to come
    """
    between = float(seen.predicted.var())
    bearable = between + float((seen.spread**2).mean())
    weight = _EXPECTED_DEMANDED / question.margin**2
    mean = (float(evidence_now.values.sum()) + question.demanded * weight) / (len(evidence_now.values) + weight)
    goals = lacking(question, evidence_now.better(), evidence_now.worse())
    for gain, logs in zip((mean - question.allowed, question.demanded - mean), goals, strict=True):
        if gain > 0:
            bearable = max(bearable, left * gain**2 / (2 * (logs + _RESERVE * math.sqrt(logs))))
    better = _stake(evidence_now.values - question.allowed, question.margin, bearable, goals[0], left)
    worse = _stake(question.demanded - evidence_now.values, question.margin, bearable, goals[1], left)
    # A case that is drawn for certain may lie a whole width below the lowest mean, where its other samples differ.
    width = 1 - question.lowest
    low = min(question.allowed - _MOST_LOST / better, question.lowest - width)
    high = max(question.demanded + _MOST_LOST / worse, 1 + width)
    stakes = (min(better, _MOST_LOST / (question.allowed - low)), min(worse, _MOST_LOST / (high - question.demanded)))
    rule = DrawRule(question, low, high, stakes, 0.0)
    ruin = rule.ruin(seen)

    def suffices(budget: float) -> bool:
        chances = np.minimum(ruin + budget * seen.spread, 1.0)
        return float((seen.spread**2 / np.maximum(chances, 1e-9)).mean()) <= bearable - between

    return replace(rule, budget=halved(suffices, 0.0, _MOST_BUDGET, _HALVINGS)[1])


def _stake(ahead: FloatArray, margin: float, variance: float, logs: float, left: int) -> float:
    """A share of gain / (variance + gain²), or what the best test of `left` cases would stake if that is more (as
    `tuned_wealth` does). `ahead` is (n,) how far each case lies on the side that is bet on.
    """
    n = len(ahead) + _EXPECTED_CASES
    mean = (float(ahead.sum()) + _EXPECTED_CASES * margin) / n
    squares = float(((ahead - mean) ** 2).sum()) + _EXPECTED_CASES * _EXPECTED_VARIANCE
    aim = max(margin, mean - math.sqrt(squares) / n)
    share = max(math.exp(-logs), 1e-300)
    tested = _NORMAL.pdf(_NORMAL.inv_cdf(share)) / (share * math.sqrt(variance * max(1, left)))
    return max(_CAUTION * aim / (variance + aim**2), tested)
