"""From what judges said to one score, with a reason that tells where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from harness.errors import JudgeError
from harness.records import Judgement, Score, ScoringRule
from harness.scoring.judging.asking import JudgeAnswer
from harness.scoring.judging.rubric import Rubric

_WORDS = {1.0: "better", 0.5: "tie", 0.0: "worse"}


@dataclass(frozen=True, slots=True)
class Preference(Score):
    """The score of a comparison in both orders, and what it says of its judge.

    Attributes:
        flip: share of the pairs of questions whose two orders disagree.
        first_wins: how often the answer shown first was preferred, a tie being a half; 0.5 is no bias of position.
    """

    flip: float = 0.0
    first_wins: float = 0.5


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The score in [0, 1] that a metric of another library gives one answer; None where `error` tells why not.

    `rule` tells the metric's scores from those of another; `judgement` is what the judge did, for the report.
    """

    rule: str
    judgement: Judgement
    value: float | None = None
    reason: str | None = None
    error: JudgeError | None = None


def rating(rubric: Rubric, said: Sequence[JudgeAnswer], by: ScoringRule) -> Score:
    """The mean over judges of the mean of each judge's scores, as a number in [0, 1]."""
    values = [[rubric.value(score) for score, _ in each.opinions] for each in said]
    scores = []
    for each, of_judge in zip(said, values, strict=True):
        noise = f" (noise {stdev(of_judge):.2f})" if len(of_judge) > 1 else ""
        scores.append((", ".join(f"{score:.3g}" for score, _ in each.opinions), noise))
    on_scale = f"on {rubric.scores[0]} to {rubric.scores[-1]}"
    if len(said) == 1:
        return Score(fmean(values[0]), f"{scores[0][0]} {on_scale}{scores[0][1]}: {_typical(said[0])}", by)
    named = ", ".join(f"{each.judge} {score}{noise}" for each, (score, noise) in zip(said, scores, strict=True))
    reasons = " | ".join(f"{each.judge}: {_typical(each)}" for each in said)
    means = list(map(fmean, values))
    return Score(fmean(means), f"{named} {on_scale}, spread {stdev(means):.2f}: {reasons}", by)


def _typical(said: JudgeAnswer) -> str:
    """The reason of the score nearest to the judge's mean, the first of several."""
    mean = fmean(score for score, _ in said.opinions)
    return min(said.opinions, key=lambda opinion: abs(opinion[0] - mean))[1]


def preference(said: Sequence[JudgeAnswer], by: ScoringRule) -> Preference:
    """The mean over judges of how often the first answer was preferred in either order; a tie is a half."""
    means = [fmean(value for pair in _pairs(each) for value in pair) for each in said]
    flip, first_wins = (fmean(figures) for figures in zip(*map(_position, said), strict=True))
    if len(said) == 1:
        return Preference(means[0], _why(said[0]), by, flip, first_wins)
    reasons = " | ".join(f"{each.judge}: {_why(each)}" for each in said)
    return Preference(fmean(means), f"spread {stdev(means):.2f}; {reasons}", by, flip, first_wins)


def _position(said: JudgeAnswer) -> tuple[float, float]:
    """The share of pairs whose two orders disagree, and how often the answer shown first was preferred."""
    return fmean(first != second for first, second in _pairs(said)), fmean(value for value, _ in said.opinions)


def _pairs(said: JudgeAnswer) -> list[tuple[float, float]]:
    """What each pair of questions is worth for the first answer: shown first, and shown second."""
    values = [value for value, _ in said.opinions]
    return [(first, 1 - second) for first, second in zip(values[::2], values[1::2], strict=True)]


def _why(said: JudgeAnswer) -> str:
    pairs, (first_reason, second_reason) = _pairs(said), [reason for _, reason in said.opinions[:2]]
    if len(pairs) > 1:
        counted = [value for pair in pairs for value in pair]
        words = ", ".join(f"{word} {counted.count(value)}" for value, word in _WORDS.items())
        return f"{words} of {len(counted)}: {first_reason}"
    first, second = (_WORDS[value] for value in pairs[0])
    if first == second:
        return f"{first} in both orders: {first_reason}"
    return f"{first} when shown first as A, {second} when shown second as B: {first_reason} | {second_reason}"


def measurement(panel: Sequence[MetricResult], by: ScoringRule) -> Score:
    """The mean over judges of what a metric gives with each of them as its model."""
    values = [each.value or 0.0 for each in panel]
    if len(panel) == 1:
        return Score(values[0], panel[0].reason, by)
    scores = ", ".join(f"{each.judgement.judge} {value:.2f}" for each, value in zip(panel, values, strict=True))
    reasons = " | ".join(f"{each.judgement.judge}: {each.reason}" for each in panel if each.reason is not None)
    return Score(fmean(values), f"{scores}, spread {stdev(values):.2f}{': ' if reasons else ''}{reasons}", by)


def judgement(said: JudgeAnswer, rubric: Rubric | None) -> Judgement:
    """Sum up what a judge did, for the report; without a rubric that it rated by, it gave a preference."""
    given = said.opinions
    is_complete, n_answers = len(given) == len(said.answers), len(given) + len(said.problems)
    plain = Judgement(said.judge, n_answers, len(said.problems), is_complete=is_complete)
    if rubric is not None:
        return replace(plain, values=tuple(rubric.value(score) for score, _ in given))
    if not is_complete:
        return plain
    flip, first_wins = _position(said)
    return replace(plain, flip=flip, first_wins=first_wins)
