"""Draws the next item for people with known probabilities, more often where the judge is in doubt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.statistics.arrays import BoolArray, FloatArray, IntArray, as_scores, is_bounded
from harness.statistics.labels.draws import KINDS, NO_STAKES, Draw, LabelQuestion, Of, widest
from harness.statistics.labels.labelled import Evidence, evidence, labels_alone
from harness.statistics.labels.pacing import DrawRule, Forecast, is_shown, paced
from harness.statistics.labels.predictions import Curve, fitted_curve, log_odds

#: The smallest probability as a share of the mean one: no item weighs more than ten times what a uniform draw gives it.
FLOOR = 0.1
#: The least doubt that a judge may be said to be in, so that no look at the cases to come is needed to know it.
LEAST_DOUBT = 0.1
#: The cases seen last that probabilities are tuned to, and those that are imagined before the first.
_RECENT = 500
_IMAGINED = np.linspace(0.35, 0.95, 8)
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Lots:
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


def cast_lots(case_ids: Sequence[str], seed: int | str) -> Lots:
    """Lots made from a seed and the cases' own names, the same wherever and whenever they are cast.

    Examples
    --------
    >>> cast_lots(["peru", "chad", "fiji"], seed=1).order.tolist()
    [1, 2, 0]
    """
    digests = [hashlib.sha256(f"{seed}\0{case}".encode("utf-8", "surrogatepass")).digest() for case in case_ids]
    if len(set(digests)) < len(digests):
        raise ValueError("case_ids holds a name twice; each case needs one of its own.")
    words = np.array([np.frombuffer(each, dtype=">u8")[:3] for each in digests], dtype=np.uint64).reshape(-1, 3)
    numbers = (words >> np.uint64(11)).astype(np.float64) / 2.0**53
    return Lots(np.argsort(numbers[:, 0], kind="stable"), numbers[:, 1], numbers[:, 2])


class Items:
    """The judged cases of an evaluation, as `next_draw` looks at them.

    Parameters
    ----------
    candidate : (n_cases,) or (n_cases, n_samples) judge's scores in [0, 1], more being better; NaN for missing samples,
        at least one for each case
    lots : of these cases
    baseline : the same of the baseline, or None
    same : (n_cases,) whether what both versions are shown to have said (`shown`) is the same text, so that there is
        nothing to ask about their difference
    doubt : (n_cases,) `LEAST_DOUBT` or more: how far people scatter around what the judge's score lets expect, beside
        other cases, e.g. by how far judges or repeats differ; 1 where None. It shares the scatter out among the cases,
        and makes it neither more nor less over those seen
    """

    def __init__(
        self,
        candidate: FloatArray,
        lots: Lots,
        baseline: FloatArray | None = None,
        same: BoolArray | None = None,
        doubt: FloatArray | None = None,
    ) -> None:
        self.scores = [_judged(candidate, "candidate"), *([] if baseline is None else [_judged(baseline, "baseline")])]
        n = len(lots.order)
        if any(len(scores) != n for scores in self.scores):
            raise ValueError(f"There are lots for {n} cases, and judge scores of shape {self.scores[0].shape}.")
        self.lots = lots
        self.shown = [shown(scores, lots) for scores in self.scores]
        self.same = np.zeros(n, dtype=np.bool_) if same is None else np.asarray(same, dtype=np.bool_)
        self.doubt = np.ones(n) if doubt is None else np.asarray(doubt, dtype=np.float64)
        self.least_doubt = 1.0 if doubt is None else LEAST_DOUBT
        if not bool(np.all(np.isfinite(self.doubt) & (self.doubt >= self.least_doubt))):
            raise ValueError(f"doubt holds a number below {LEAST_DOUBT} or none at all.")
        self._odds = [log_odds(scores) for scores in self.scores]

    def judged(self, cases: IntArray) -> FloatArray:
        """Judge scores of what is shown, (n, n_versions)."""
        return np.stack([scores[cases, at[cases]] for scores, at in zip(self.scores, self.shown, strict=True)], axis=1)

    def predicted(self, curve: Curve, cases: IntArray) -> tuple[FloatArray, FloatArray]:
        """Predict what people say of what is shown, and of all samples on average, (n, n_versions) each."""
        odds = [each[cases] for each in self._odds]
        means = [np.nanmean(each, axis=1, keepdims=True) for each in odds]
        rows = np.arange(len(cases))
        items, averages = [], []
        for version, own in enumerate(odds):
            other = means[1 - version] if len(means) == 2 else np.zeros((len(cases), 1))
            everything = curve.predict(own, other)
            items.append(everything[rows, self.shown[version][cases]])
            averages.append(np.nanmean(everything, axis=1))
        return np.stack(items, axis=1), np.stack(averages, axis=1)

    def judged_means(self, of: Of) -> FloatArray:
        """The judge's score of each case over all its samples, (n_cases,), in the order of turns."""
        means = [np.nanmean(scores, axis=1) for scores in self.scores]
        figures: FloatArray = (means[0] if of == "rate" else means[0] - means[1])[self.lots.order]
        return figures

    def learnt(self, draws: Sequence[Draw], labels: FloatArray) -> Curve:
        """The curve that fits all labels that are there."""
        there = ~np.isnan(labels).any(axis=1) if len(draws) else np.empty(0, dtype=np.bool_)
        cases = np.array([draws[i].case for i in np.flatnonzero(there)], dtype=np.int64)
        own = [log_odds(scores[cases, at[cases]]) for scores, at in zip(self.scores, self.shown, strict=True)]
        means = [np.nanmean(each[cases], axis=1) for each in self._odds]
        others = [means[1], means[0]] if len(means) == 2 else [np.zeros(len(cases))]
        said = [labels[there, version] for version in range(len(own))]
        return fitted_curve(np.concatenate(own), np.concatenate(others), np.concatenate(said))


def shown(scores: FloatArray, lots: Lots) -> IntArray:
    """Choose the sample of each case that people are shown, (n_cases,): any that is there, with the same chance."""
    there = ~np.isnan(scores)
    wanted = np.floor(lots.picks * there.sum(axis=1)).astype(np.int64) + 1
    return np.asarray((np.cumsum(there, axis=1) == wanted[:, np.newaxis]).argmax(axis=1), dtype=np.int64)


def next_draw(
    items: Items,
    draws: Sequence[Draw],
    labels: FloatArray,
    questions: Sequence[LabelQuestion],
    found: Sequence[Evidence] | None = None,
) -> Draw | None:
    """The next item for people; None where every case has had its turn.

    Cases have their turns in the order of the lots. Each is drawn with a probability of `ruin + budget * spread`: the
    spread of what people may say of it given the judge's scores (largest where it is in doubt), and what is needed for
    no single label to cost a bettor everything; never less than a tenth of the mean probability. The budget is the
    smallest that lets the cases still to come decide, set anew at each draw: by labels and judge, or, where these
    have decided and the judge was contradicted too seldom to be trusted, by the labels alone.

    Parameters
    ----------
    items : the judged cases
    draws : all so far
    labels : (n_draws, n_versions) as for `evidence`; those still missing only make the draw less apt
    questions : what is to be decided; one or two
    found : the `evidence` of these draws for each question, where it is known already

    References
    ----------
    Zrnic and Candes (2024), Active statistical inference, for probabilities that follow the judge's uncertainty and are
    mixed with a uniform floor; S. Shekhar, Z. Xu, Z. C. Lipton, P. J. Liang, A. Ramdas (2023), Risk-limiting financial
    audits via weighted sampling without replacement, UAI (PMLR 216), for bets on labels so drawn.
    """
    if not questions or len({question.of for question in questions}) < len(questions):
        raise ValueError(f"{len(questions)} questions: give one, or one of each kind.")
    if len(items.scores) == 1 and any(question.of == "difference" for question in questions):
        raise ValueError("A difference is asked for, and the items hold no scores of a baseline.")
    known = [evidence(draws, labels, question.of) for question in questions] if found is None else found
    open_draws = draws[known[0].n_draws :]
    turn = len(known[0].values) + sum(len(draw.passed) + (draw.case is not None) for draw in open_draws)
    order = items.lots.order
    if turn >= len(order):
        return None
    curve = items.learnt(draws, labels)
    seen, imagined = (
        order[max(0, turn - _RECENT) : turn],
        np.repeat(_IMAGINED[:, np.newaxis], len(items.scores), axis=1),
    )
    predicted = np.concatenate([imagined, items.predicted(curve, seen)[0]])
    doubt = np.concatenate([np.ones(len(_IMAGINED)), items.doubt[seen]])
    same = np.concatenate([np.zeros(len(_IMAGINED), dtype=np.bool_), items.same[seen]])
    usual = _usual(predicted, doubt)
    paces, chances = [], np.zeros(len(predicted))
    for question, each in zip(questions, known, strict=True):
        look = _look(question.of, predicted, predicted, doubt / usual, same)
        if each.trusted_from is None and is_shown(question, each):
            each = labels_alone(draws, labels, question.of, question)
        paces.append(paced(question, each, look, len(order) - len(each.values)))
        chances = np.maximum(chances, paces[-1].chances(look))
    least = max(pace.least(items.least_doubt / usual) for pace in paces)
    rules = _Rules(paces, usual, max(FLOOR * float(chances.mean()), least))
    return _walk(items, curve, order[turn:], rules)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules that are settled before the next cases are looked at; `usual` is the doubt that counts as 1."""

    paces: Sequence[DrawRule]
    usual: float
    floor: float


def _usual(predicted: FloatArray, doubt: FloatArray) -> float:
    """The doubt at which the cases seen scatter as much as their scores tell, (n, n_versions) and (n,)."""
    variances = (predicted * (1 - predicted)).sum(axis=1)
    return float(np.sqrt((variances * doubt**2).sum() / variances.sum()))


def _look(of: Of, predicted: FloatArray, averages: FloatArray, doubt: FloatArray, same: BoolArray) -> Forecast:
    """Cases as one kind of question sees them; `predicted` and `averages` are (n, n_versions)."""
    variances = predicted * (1 - predicted)
    if of == "rate":
        return Forecast(predicted[:, 0], averages[:, 0], np.sqrt(variances[:, 0]) * doubt)
    spread = np.where(same, 0.0, np.sqrt(variances.sum(axis=1))) * doubt
    return Forecast(predicted[:, 0] - predicted[:, 1], averages[:, 0] - averages[:, 1], spread)


def _walk(items: Items, curve: Curve, order: IntArray, rules: _Rules) -> Draw:
    """Give cases their turns until one is drawn."""
    paces = rules.paces
    passed: list[tuple[float, ...]] = []
    told: list[int] = []
    settled = _settled(paces, rules.floor)
    for start in range(0, len(order), _AT_ONCE):
        cases = order[start : start + _AT_ONCE]
        predicted, averages = items.predicted(curve, cases)
        chances = np.full(len(cases), rules.floor)
        for pace in paces:
            doubt = items.doubt[cases] / rules.usual
            look = _look(pace.question.of, predicted, averages, doubt, items.same[cases])
            chances = np.maximum(chances, pace.chances(look))
        # The same text twice: the difference is known to be 0, as if it were labelled.
        known = items.same[cases] & all(pace.question.of == "difference" for pace in paces)
        if known.any():
            averages[known, 1] += predicted[known, 0] - predicted[known, 1]
        drawn = np.flatnonzero((items.lots.coins[cases] < chances) & ~known)
        end = int(drawn[0]) if len(drawn) else len(cases)
        told += (len(passed) + np.flatnonzero(known[:end])).tolist()
        passed += [tuple(row) for row in averages[:end].tolist()]
        if len(drawn):
            case = int(cases[end])
            return Draw(
                case=case,
                samples=tuple(int(at[case]) for at in items.shown),
                probability=float(min(chances[end], 1.0)),
                judged=tuple(items.judged(cases[[end]])[0].tolist()),
                predicted=tuple(predicted[end].tolist()),
                expected=tuple(averages[end].tolist()),
                passed=tuple(passed),
                told=tuple(told),
                **settled,
            )
    return Draw(None, (), 1.0, (), (), (), tuple(passed), tuple(told), **settled)


def _settled(paces: Sequence[DrawRule], floor: float) -> dict[str, Any]:
    """Give the part of the rules that a draw keeps: a kind that was not asked has the widest range, and no stakes."""
    ranges, stakes = dict(zip(KINDS, widest(floor), strict=True)), dict(zip(KINDS, NO_STAKES, strict=True))
    for pace in paces:
        ranges[pace.question.of], stakes[pace.question.of] = (pace.low, pace.high), pace.stakes
    return {
        "floor": floor,
        "ranges": tuple(ranges[of] for of in KINDS),
        "stakes": tuple(stakes[of] for of in KINDS),
    }


def _judged(scores: FloatArray, name: str) -> FloatArray:
    array = as_scores(scores, name)
    if not is_bounded(array):
        raise ValueError(f"{name} holds a judge score outside [0, 1].")
    if np.isnan(array).all(axis=1).any():
        raise ValueError(f"{name} holds a case without a judge score; leave it out.")
    return array
