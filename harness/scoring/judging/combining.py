"""From the answers of judges to one score, with a reason that shows where it comes from."""

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


_Vote = tuple[str, float, str, str | None]
"""A judge, its score in [0, 1], that as it gave it, and its reason."""


def rating(rubric: Rubric, answers: Sequence[JudgeAnswer], by: ScoringRule) -> Score:
    """The mean over judges of the mean of each judge's scores, as a number in [0, 1]."""
    votes: list[_Vote] = []
    for each in answers:
        values = [rubric.value(score) for score, _ in each.opinions]
        noise = f" (noise {stdev(values):.2f})" if len(values) > 1 else ""
        mean = fmean(score for score, _ in each.opinions)
        typical = min(each.opinions, key=lambda opinion: abs(opinion[0] - mean))
        written = ", ".join(f"{score:.3g}" for score, _ in each.opinions)
        votes.append((each.judge, fmean(values), f"{written}{noise}", typical[1]))
    scale = f" on {rubric.scores[0]} to {rubric.scores[-1]}"
    if len(votes) == 1:
        return Score(votes[0][1], f"{votes[0][2]}{scale}: {votes[0][3]}", by)
    return Score(*_panel(votes, scale), by)


def preference(answers: Sequence[JudgeAnswer], by: ScoringRule) -> Preference:
    """The mean over judges of how often the first answer was preferred in either order; a tie is a half."""
    means = [fmean(value for pair in _pairs(each) for value in pair) for each in answers]
    flip, first_wins = (fmean(figures) for figures in zip(*map(_position, answers), strict=True))
    votes = [(each.judge, mean, f"{mean:.2f}", _why(each)) for each, mean in zip(answers, means, strict=True)]
    return Preference(*_panel(votes), by, flip, first_wins)


def measurement(panel: Sequence[MetricResult], by: ScoringRule) -> Score:
    """The mean over judges of what a metric gives with each of them as its model."""
    values = [each.value or 0.0 for each in panel]
    scored = zip(panel, values, strict=True)
    votes = [(each.judgement.judge, value, f"{value:.2f}", each.reason) for each, value in scored]
    return Score(*_panel(votes), by)


def _panel(votes: Sequence[_Vote], scale: str = "") -> tuple[float, str | None]:
    """The mean of the votes of judges, and each with its reason; of a single one the reason alone."""
    values = [value for _, value, _, _ in votes]
    if len(votes) == 1:
        return values[0], votes[0][3]
    scores = ", ".join(f"{judge} {score}" for judge, _, score, _ in votes)
    reasons = " | ".join(f"{judge}: {reason}" for judge, _, _, reason in votes if reason is not None)
    return fmean(values), f"{scores}{scale}, spread {stdev(values):.2f}{': ' if reasons else ''}{reasons}"


def _position(answer: JudgeAnswer) -> tuple[float, float]:
    """The share of pairs whose two orders disagree, and how often the answer shown first was preferred."""
    return fmean(first != second for first, second in _pairs(answer)), fmean(value for value, _ in answer.opinions)


def _pairs(answer: JudgeAnswer) -> list[tuple[float, float]]:
    """Return what each pair of questions is worth for the first answer: shown first, and shown second."""
    values = [value for value, _ in answer.opinions]
    return [(first, 1 - second) for first, second in zip(values[::2], values[1::2], strict=True)]


def _why(answer: JudgeAnswer) -> str:
    pairs, (first_reason, second_reason) = _pairs(answer), [reason for _, reason in answer.opinions[:2]]
    if len(pairs) > 1:
        counted = [value for pair in pairs for value in pair]
        words = ", ".join(f"{word} {counted.count(value)}" for value, word in _WORDS.items())
        return f"{words} of {len(counted)}: {first_reason}"
    first, second = (_WORDS[value] for value in pairs[0])
    if first == second:
        return f"{first} in both orders: {first_reason}"
    return f"{first} when shown first as A, {second} when shown second as B: {first_reason} | {second_reason}"


def judgement(answer: JudgeAnswer, rubric: Rubric | None) -> Judgement:
    """Sum up what a judge did, for the report; without a rubric that it rated by, it gave a preference."""
    opinions = answer.opinions
    is_complete, n_answers = len(opinions) == len(answer.answers), len(opinions) + len(answer.problems)
    plain = Judgement(answer.judge, n_answers, len(answer.problems), is_complete=is_complete)
    if rubric is not None:
        return replace(plain, values=tuple(rubric.value(score) for score, _ in opinions))
    flip, first_wins = _position(answer) if is_complete else (None, None)
    return replace(plain, flip=flip, first_wins=first_wins)
