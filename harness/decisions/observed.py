"""What a decision starts from: all scores of one metric of one evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.statistics.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Observed:
    """All scores of one metric of one evaluation.

    Attributes:
        id: the evaluation, e.g. "foundation/test_capitals".
        requirement: the business or non-functional requirement that it stands for.
        threshold: the score that a requirement demands, or None.
        margin: the largest drop that still counts as no worse.
        case_ids: one for each row of `candidate`.
        candidate: (n_cases, n_samples), NaN for missing samples.
        baseline: (n_cases, samples of its own) of the same cases in the same order, or None.
        clusters: the cluster of each case, or None for independent cases.
        per: "suite" for one verdict over all cases, "case" for a single case whose samples are the units.
        unit: unit of an unbounded measure; None means scores in [0, 1].
        higher_is_better: False turns all comparisons round (seconds, perplexity).
        n_skipped: cases that their body left out.
        n_truncated: candidate samples cut at max_tokens.
        errors: what went wrong; any makes the verdict `error`.
    """

    id: str
    metric: str
    requirement: str | None
    threshold: float | None
    margin: float
    margin_is_default: bool
    case_ids: tuple[str, ...]
    candidate: FloatArray
    baseline: FloatArray | None
    clusters: tuple[Any, ...] | None = None
    per: Literal["suite", "case"] = "suite"
    unit: str | None = None
    higher_is_better: bool = True
    n_skipped: int = 0
    n_truncated: int = 0
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse shapes and numbers that no decision can be made from."""
        n_cases = len(self.case_ids)
        for name, scores in (("candidate", self.candidate), ("baseline", self.baseline)):
            if scores is not None and (scores.ndim != 2 or len(scores) != n_cases):
                raise ValueError(f"{self.id}: {name} has shape {scores.shape} for {n_cases} cases.")
        if self.clusters is not None and len(self.clusters) != n_cases:
            raise ValueError(f"{self.id}: {len(self.clusters)} clusters for {n_cases} cases.")
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"{self.id}: margin = {self.margin!r} is not a number of 0 or more.")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"{self.id}: threshold = {self.threshold!r} is not a finite number.")
        if self.per == "case" and n_cases > 1:
            raise ValueError(f"{self.id}: per='case' decides one case at a time, and {n_cases} were given.")

    @property
    def bounded(self) -> bool:
        """Whether scores are confined to [0, 1]."""
        return self.unit is None

    @property
    def scored(self) -> BoolArray:
        """Which cases have a candidate score, (n_cases,) of bool."""
        return has_score(self.candidate)

    @property
    def by_samples(self) -> bool:
        """Whether samples are the units, because there is a single case."""
        return self.per == "case" or int(self.scored.sum()) == 1


def has_score(scores: FloatArray) -> BoolArray:
    """Which rows hold at least one number."""
    held: BoolArray = np.logical_or.reduce(~np.isnan(scores), axis=1)
    return held
