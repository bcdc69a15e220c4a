"""Simulated people and judges: gates that are decided after each label, and what uniform labels alone take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from harness.decisions.labels import decide_labelled
from harness.records import VerdictKind
from harness.statistics.betting.sequential import Horizon, Units, tuned_wealth
from harness.statistics.labels.drawing import Items, draw_randomness, next_draw
from harness.statistics.labels.draws import DrawnLabels, LabelQuestion
from harness.statistics.labels.evidence import evidence


@dataclass(frozen=True)
class Judge:
    """A judge of answers that people call right or wrong.

    Attributes:
        kind: "graded" gives the normal distribution's share below a latent score that is normal among right and among
            wrong answers (deviation `right_spread` and 1), cut where it has its sensitivity and specificity; "binary"
            gives the cut alone; "constant" 0.9 always; "adversarial" 1 for what is wrong and 0 for what is right.
    """

    sensitivity: float = 0.85
    specificity: float = 0.6
    kind: Literal["graded", "binary", "constant", "adversarial"] = "graded"
    right_spread: float = 1.0

    def scores(self, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.kind == "constant":
            return np.full(len(truth), 0.9)
        if self.kind == "adversarial":
            return 1 - truth
        right = self.right_spread * (ndtri(self.sensitivity) + rng.standard_normal(len(truth)))
        latent = np.where(truth == 1, right, rng.standard_normal(len(truth)) - ndtri(self.specificity))
        return (latent > 0).astype(float) if self.kind == "binary" else ndtr(latent)


POOR, GOOD = Judge(), Judge(0.95, 0.9)


@dataclass(frozen=True)
class People:
    """What is true: how often the candidate is right; with a baseline, how often each alone is right.

    `same` is the share of cases in which both versions say the same text, and are judged alike.
    """

    rate: float = 0.8
    gained: float = 0.0
    lost: float = 0.0
    same: float = 0.0
    paired: bool = False

    def answers(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Whether each answer is right, (n, n_versions), and whether both versions said the same."""
        if not self.paired:
            return (rng.random((n, 1)) < self.rate).astype(float), np.zeros(n, dtype=bool)
        both = self.rate - self.gained
        kinds = rng.choice(4, n, p=[both, self.gained, self.lost, 1 - both - self.gained - self.lost])
        truth = np.stack([kinds <= 1, (kinds == 0) | (kinds == 2)], axis=1).astype(float)
        agreed = truth[:, 0] == truth[:, 1]
        return truth, agreed & (rng.random(n) < self.same / agreed.mean())


@dataclass(frozen=True)
class Outcome:
    """How one gate went."""

    verdict: Literal["green", "red", "open"]
    labels: int
    interval: tuple[float, float]


class Gate:
    """A simulated evaluation whose items are labelled one after the other."""

    def __init__(
        self, people: People, judge: Judge, question: LabelQuestion, seed: list[int], n_cases: int = 1000
    ) -> None:
        rng = np.random.default_rng(seed)
        self.question = question
        self.truth, same = people.answers(n_cases, rng)
        scores = [judge.scores(column, rng) for column in self.truth.T]
        if people.paired:
            scores[1] = np.where(same, scores[0], scores[1])
        randomness = draw_randomness([str(i) for i in range(n_cases)], "-".join(map(str, seed)))
        self.items = Items([each[:, np.newaxis] for each in scores], randomness, same)
        self.said = DrawnLabels.of([], [], n_versions=self.truth.shape[1])
        self.found = evidence(self.said, question.of)

    def label(self) -> bool:
        """Draw and label one more item; False where no case was left."""
        draw = next_draw(self.items, self.said, [self.question], [self.found])
        if draw is None:
            return False
        said = np.full(self.truth.shape[1], np.nan) if draw.case is None else self.truth[draw.case]
        self.said = self.said.also(draw, said)
        self.found = evidence(self.said, self.question.of)
        return draw.case is not None

    def run(self) -> Outcome:
        """Label until it is decided, or every case had its turn."""
        question, judged = self.question, self.items.judged_means(self.question.of)
        while self.label():
            passed = self.found.better().first_above(question.allowed, question.level)
            worse = self.found.worse().first_above(-question.demanded, question.red_level)
            if passed is None and worse is None:
                continue
            kind = decide_labelled(question, self.said, judged).check.verdict
            if kind is not VerdictKind.INCONCLUSIVE:
                return Outcome("red" if kind.is_red else "green", len(self.found.ends), self.interval())
        return Outcome("open", len(self.found.ends), self.interval())

    def interval(self) -> tuple[float, float]:
        """Two-sided at 0.95, valid whenever one stops."""
        low = self.found.better().bound(0.025, 1.0)
        return low, -self.found.worse().bound(0.025, -self.question.lowest)


def uniform_alone(people: People, question: LabelQuestion, seed: list[int], n_cases: int = 1000) -> Outcome:
    """The same gate by labels alone, of cases drawn uniformly, with the bets that sequential designs use."""
    truth, _ = people.answers(n_cases, np.random.default_rng(seed))
    values = truth[:, 0] if question.of == "rate" else truth[:, 0] - truth[:, 1]
    ends: list[int] = []
    for sign, mean, level in (
        (1, question.allowed, question.level),
        (-1, -question.demanded, question.red_level),
    ):
        units = Units(sign * values, np.ones(n_cases), question.lowest if sign > 0 else -1.0)
        wealth = tuned_wealth(units, mean, question.margin, Horizon(n_cases, level))
        ends.append(wealth.first_above(mean, level) or n_cases + 1)
    labels = min(*ends, n_cases)
    if min(ends) > n_cases:
        return Outcome("open", labels, (0.0, 1.0))
    return Outcome("green" if ends[0] <= ends[1] else "red", labels, (0.0, 1.0))
