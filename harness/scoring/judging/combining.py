"""From what judges said to one score, with a reason that tells where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from harness.records import Judgement, Score, ScoringRule
from harness.scoring.judging.drawing import JudgeAnswer, Opinion
from harness.scoring.judging.measures import MetricResult
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


def rating(rubric: Rubric, said: Sequence[JudgeAnswer], by: ScoringRule) -> Score:
    """The mean over judges of the mean of each judge's scores, as a number in [0, 1]."""
    values = [[rubric.value(score) for score, _ in each.opinions] for each in said]
    means = list(map(fmean, values))
    on_scale = f"on {rubric.scores[0]} to {rubric.scores[-1]}"
    if len(said) == 1:
        reason = f"{_scores(said[0])} {on_scale}{_noise(rubric, said[0])}: {_typical(said[0])}"
        return Score(means[0], reason, by)
    scores = ", ".join(f"{each.judge} {_scores(each)}{_noise(rubric, each)}" for each in said)
    reasons = " | ".join(f"{each.judge}: {_typical(each)}" for each in said)
    return Score(fmean(means), f"{scores} {on_scale}, spread {stdev(means):.2f}: {reasons}", by)


def _scores(said: JudgeAnswer) -> str:
    return ", ".join(f"{score:.3g}" for score, _ in said.opinions)


def _noise(rubric: Rubric, said: JudgeAnswer) -> str:
    if len(said.opinions) == 1:
        return ""
    return f" (noise {stdev(rubric.value(score) for score, _ in said.opinions):.2f})"


def _typical(said: JudgeAnswer) -> str:
    """The reason of the score nearest to the judge's mean, the first of several."""
    mean = fmean(score for score, _ in said.opinions)
    return min(said.opinions, key=lambda opinion: abs(opinion[0] - mean))[1]


def preference(said: Sequence[JudgeAnswer], by: ScoringRule) -> Preference:
    """The mean over judges of how often the first answer was preferred in either order; a tie is a half."""
    values = [[value for pair in pairs(each.opinions) for value in pair] for each in said]
    means = list(map(fmean, values))
    position = [_position(each.opinions) for each in said]
    flip, first_wins = fmean(flip for flip, _ in position), fmean(first for _, first in position)
    if len(said) == 1:
        return Preference(means[0], _why(said[0]), by, flip, first_wins)
    reasons = " | ".join(f"{each.judge}: {_why(each)}" for each in said)
    return Preference(fmean(means), f"spread {stdev(means):.2f}; {reasons}", by, flip, first_wins)


def _position(opinions: Sequence[Opinion]) -> tuple[float, float]:
    """The share of pairs whose two orders disagree, and how often the answer shown first was preferred."""
    flip = fmean(shown_first != shown_second for shown_first, shown_second in pairs(opinions))
    return flip, fmean(value for value, _ in opinions)


def pairs(opinions: Sequence[Opinion]) -> list[tuple[float, float]]:
    """Give what each pair of questions is worth for the first answer: shown first, and shown second."""
    values = [value for value, _ in opinions]
    return [
        (shown_first, 1 - shown_second) for shown_first, shown_second in zip(values[::2], values[1::2], strict=True)
    ]


def _why(said: JudgeAnswer) -> str:
    found = pairs(said.opinions)
    (shown_first, shown_second), first_reason, second_reason = found[0], said.opinions[0][1], said.opinions[1][1]
    if len(found) > 1:
        counted = [value for pair in found for value in pair]
        words = ", ".join(f"{word} {counted.count(value)}" for value, word in _WORDS.items())
        return f"{words} of {len(counted)}: {first_reason}"
    if shown_first == shown_second:
        return f"{_WORDS[shown_first]} in both orders: {first_reason}"
    return (
        f"{_WORDS[shown_first]} when shown first as A, {_WORDS[shown_second]} when shown second as B: "
        f"{first_reason} | {second_reason}"
    )


def measurement(panel: Sequence[MetricResult], by: ScoringRule) -> Score:
    """The mean over judges of what a metric gives with each of them as its model."""
    values = [each.value or 0.0 for each in panel]
    if len(panel) == 1:
        return Score(values[0], panel[0].reason, by)
    scores = ", ".join(f"{each.judgement.judge} {value:.2f}" for each, value in zip(panel, values, strict=True))
    reasons = " | ".join(f"{each.judgement.judge}: {each.reason}" for each in panel if each.reason is not None)
    reason = f"{scores}, spread {stdev(values):.2f}{': ' if reasons else ''}{reasons}"
    return Score(fmean(values), reason, by)


def judgement(answered: JudgeAnswer, rubric: Rubric | None) -> Judgement:
    """Sum up what a judge did, for the report.

    Args:
        rubric: that was rated by; None for a preference.
    """
    given = answered.opinions
    is_complete = len(given) == len(answered.answers)
    plain = Judgement(answered.judge, answered.n_answers, len(answered.problems), is_complete=is_complete)
    if rubric is not None:
        return replace(plain, values=tuple(rubric.value(score) for score, _ in given))
    if not is_complete:
        return plain
    flip, first_wins = _position(given)
    return replace(plain, flip=flip, first_wins=first_wins)
