"""The decision that rests on what people said: by labels and judge, valid when made again after each label.

A label that nobody can give, of an excluded item, may have been any. The bound that a pass rests on takes it to be the
worst for the candidate, the bound that a red rests on the best: whoever excludes an item can make a gate less certain
and never more, and no error rate rises. The estimate takes what was expected of the item, as if nobody had been asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.decisions.betting import BettingContrast
from harness.decisions.questions import Question
from harness.decisions.reasons import counted, figure
from harness.records import Check, Difference, Estimate, VerdictKind
from harness.statistics.arrays import FloatArray, check_confidence
from harness.statistics.labels.drawing import lacking
from harness.statistics.labels.draws import DrawnLabels, LabelQuestion, Of, lowest
from harness.statistics.labels.evidence import ENOUGH_ERRORS, Evidence, evidence, labels_alone, prediction_powered

#: The cases that the demanded mean counts for in a forecast, as a multiple of 1 / margin².
_EXPECTED_DEMANDED = 0.05
#: The cases that tell how often items are drawn at present.
_RECENT = 200


@dataclass(frozen=True, slots=True)
class LabelledCheck:
    """The decision of one question by labels and judge; `estimate` is the mean with its two-sided interval.

    Attributes:
        labels_needed: about how many more would decide it; None where it is decided, or nothing seen yet tells, or the
            cases that are left are too few.
        n_labels: labels that count: those before the first item that waits, without `n_excluded` items among them.
        n_errors: judge scores that they contradicted.
    """

    check: Check
    estimate: Estimate
    labels_needed: int | None = None
    n_labels: int = 0
    n_errors: int = 0
    n_excluded: int = 0


def decide_labelled(question: LabelQuestion, labels: DrawnLabels, judged: FloatArray) -> LabelledCheck:
    """The verdict of labels and judge on one question, the same whenever it is made again on the same labels: what the
    rule of every gate (`Question.ruling`) says of the cases that had their turn.

    With fewer than 5 judge scores contradicted by labels, the labels alone must show it, too. Where all answers are
    known to be the same, that takes no label.

    Args:
        question: with the level at which it passes, and its share of that of all reds of the run.
        judged: (n_cases,) the judge's scores of all cases in the order of their turns (`Items.judged_means`).
    """
    levels, is_rate, demanded = (question.level, question.red_level), question.of == "rate", question.demanded
    against: Literal["threshold", "baseline"] = "threshold" if is_rate else "baseline"
    estimate = labelled_mean(labels, question.of, judged, 1 - question.level)
    worst, best = both = _extremes(labels, question.of)
    if not len(worst.values):
        nothing = Difference(math.nan, math.inf, -math.inf, math.inf, 1.0, "no label to decide by")
        reason = "nobody has labelled an item yet, so that the figures are the judge's alone"
        return LabelledCheck(Check(against, VerdictKind.INCONCLUSIVE, reason, nothing, None, *levels[::-1]), estimate)
    trusted_from, ends = worst.trusted_from, worst.ends
    better, worse = (labels_alone(labels, question.of, question, score) for score in (0.0, 1.0))
    after = np.minimum(np.searchsorted(ends, np.arange(1, len(worst.values) + 1)) + 1, len(ends))
    alone = "" if trusted_from is not None else f"; fewer than {ENOUGH_ERRORS} judge errors: labels alone, too"
    # Bets on better and on worse, backed by the labels alone until the judge can be trusted; rows are labels.
    contrast = BettingContrast(
        better=replace(worst.better(), alone=better.better(), trusted_from=trusted_from),
        worse=replace(best.worse(), alone=worse.worse(), trusted_from=trusted_from),
        allowed=question.allowed,
        demanded=demanded,
        rows=tuple(after.tolist()),
        value=estimate.value - demanded,
        standard_error=estimate.standard_error,
        method=f"betting on labels and judge, valid whenever one stops{alone}",
        last=len(ends) if len(worst.values) >= len(judged) else None,
    )
    asked = Question(against, question.margin, (contrast,), (contrast,))
    ruling = kind, lower, _ = asked.ruling(levels)
    passed, red = contrast.ends(levels)
    more, n_excluded = None, _n_excluded(labels, len(ends))
    if kind is VerdictKind.PASSED:
        shown = f"proven above {figure(question.allowed)}"
        reason = shown if is_rate else f"no worse by more than {figure(question.margin)}"
        reason += f", by {_basis(passed, labels)}"
    elif kind.is_red:
        reason = f"{f'below the threshold {figure(demanded)}' if is_rate else 'lower'}, by {_basis(red, labels)}"
    else:
        more = _needed(question, labels, both, estimate.value, len(judged))
        reason = f"could be lower by up to {figure(-lower, apart_from=question.margin)}"
        if is_rate:
            reason = f"could be as low as {figure(demanded + lower, apart_from=demanded)}"
        reason += _what_would_decide(more, labels, worst, len(judged))
    if n_excluded:
        reason += f"; {n_excluded:,} excluded {'item counts' if n_excluded == 1 else 'items count'} the worst way"
    check = Check(against, kind, reason, asked.difference(ruling, levels), None, *levels[::-1])
    n_errors = worst.errors[-1] if worst.errors else 0
    return LabelledCheck(check, estimate, more, len(ends) - n_excluded, n_errors, n_excluded)


def _extremes(labels: DrawnLabels, of: Of) -> tuple[Evidence, Evidence]:
    """The evidence with the worst and with the best that may be true of excluded items; else both are the same."""
    worst = evidence(labels, of, 0.0)
    return worst, evidence(labels, of, 1.0) if labels.excluded.any() else worst


def labelled_mean(labels: DrawnLabels, of: Of, judged: FloatArray, confidence_level: float = 0.95) -> Estimate:
    """The mean that people would give all cases of the kind, from their labels of some and the judge's scores of all.

    The cases that had their turn are a random part of all; each has a value without bias (`Evidence`). They stand for
    the labelled ones in `prediction_powered`, the cases to come for the others. Its own interval is not given: where
    a judge that is sure is seldom wrong, a few heavy labels carry the spread, and Student's t at 0.95 held the truth in
    0.88 to 0.93 of simulated gates. The interval holds whenever one stops, whatever people would have said of excluded
    items. With fewer than 5 labels that contradict the judge the labels alone count, weighted by their probabilities;
    below two all is possible. The mean is free of bias where the number of cases that had their turn was not chosen by
    looking at labels; at a number of labels it leans a little downwards, because more is asked the worse it looks.

    Args:
        judged: (n_cases,) the judge's score of each case (of a difference: candidate less baseline), in the order of
            turns.
    """
    tail = (1 - check_confidence(confidence_level)) / 2
    top, bottom = evidence(labels, of), lowest(of)
    seen = len(top.values)
    if len(top.ends) < 2:
        value = min(1.0, max(bottom, float(top.values.mean()))) if seen else math.nan
        return Estimate(value, math.inf, bottom, 1.0, "fewer than 2 labels")
    if top.trusted_from is not None:
        method, values, rest = "labels and judge, prediction-powered", top.values, judged[seen:]
    else:
        method, rest = "labels alone, weighted by their probabilities", np.empty(0)
        values = labels_alone(labels, of, None).values
    mean, error, _ = prediction_powered(values, judged[:seen], rest)
    value = min(1.0, max(bottom, mean))
    worst, best = (each.staked(tail) for each in _extremes(labels, of))
    low, high = worst.better().bound(tail, 1.0), -best.worse().bound(tail, -bottom)
    method += "; interval by betting, valid whenever one stops"
    return Estimate(value, error, min(low, value), max(high, value), method)


def _needed(
    question: LabelQuestion, labels: DrawnLabels, both: tuple[Evidence, Evidence], seen: float, n_cases: int
) -> int | None:
    """About how many more labels would decide, if the cases to come are like those seen; None where nothing tells.

    The mean counts as `seen`, drawn towards what is demanded while little was. It takes as many cases as the wealth
    needs to grow at half the squared gain over the variance; of the cases, people are asked about as many as lately.
    Where fewer cases are left, chance may still decide: they are asked for, unless it would take three times as many,
    or all are drawn. Before the judge was contradicted 5 times, at least what it takes for that; never more than can be
    given. Labels that are in and wait for one before them are not asked for again.
    """
    evidence = both[0]
    n, n_labels = len(evidence.values), len(evidence.ends)
    left = n_cases - n
    if n_labels < 2 or left < 1:
        return None
    weight = _EXPECTED_DEMANDED / question.margin**2
    mean = (n * seen + weight * question.demanded) / (n + weight)
    recent = evidence.values[-_RECENT:]
    share = max(1, sum(end > n - len(recent) for end in evidence.ends)) / len(recent)
    gains = mean - question.allowed, question.demanded - mean
    logs = lacking(question, evidence.better(), both[1].worse())
    takes = min(2 * float(recent.var()) * log / gain**2 for gain, log in zip(gains, logs, strict=True) if gain > 0)
    can_be_given = n_cases - n_labels - sum(len(draw.passed) for draw in labels.draws)
    are_all_drawn = can_be_given <= int(labels.is_asked.sum()) - n_labels
    until_trusted = (ENOUGH_ERRORS - evidence.errors[-1]) * n_labels / (evidence.errors[-1] + 1)
    more = max(1, math.ceil(max(min(takes, left) * share, until_trusted)))
    if takes > (left if are_all_drawn else 3 * left) or more > can_be_given:
        return None
    return more - int(np.isfinite(labels.labels[labels.n_counting :][:more]).all(axis=1).sum())


def _n_excluded(labels: DrawnLabels, n_labels: int) -> int:
    """The draws with an excluded item among the first so many that people were asked about."""
    return int(labels.excluded[labels.is_asked][:n_labels].any(axis=1).sum())


def _basis(n_labels: int | None, labels: DrawnLabels) -> str:
    """Name the basis of a decision: labels of people among the first so many, or answers that are the same."""
    by_people = (n_labels or 0) - _n_excluded(labels, n_labels or 0)
    is_known = not by_people and any(draw.known_passed for draw in labels.draws)
    return "answers that are the same" if is_known else f"the first {in_labels(by_people)}"


def in_labels(count: int) -> str:
    """A number of labels in words."""
    return counted(count, "label")


def _what_would_decide(more: int | None, labels: DrawnLabels, evidence_so_far: Evidence, n_cases: int) -> str:
    """Say what would decide it: nothing while labels wait that may do so by now."""
    if more is not None:
        return f"; about {counted(more, 'more label')} would decide it"
    if np.isfinite(labels.labels[labels.n_counting :]).all(axis=1).any():
        return ""
    if len(evidence_so_far.values) >= n_cases:
        return "; every judged case had its turn: more cases would decide it"
    if len(evidence_so_far.ends) < 2:
        return f"; {in_labels(len(evidence_so_far.ends))} can't tell how many it takes: further ones are needed"
    return "; the labels that are left would not decide it, if they are like those seen: more cases are needed"
