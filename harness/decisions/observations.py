"""Observations that a decision starts from: all scores of one metric of one evaluation."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np

from harness.records import Interruption, Plan, Role, Stakes, weighed_by
from harness.statistics.arrays import BoolArray, FloatArray, case_means, is_binary

Required = TypeVar("Required", Plan, Stakes)


@dataclass(frozen=True, slots=True)
class PartlySkippedCases:
    """Cases that were left out because some of their bodies skipped, as one does that looks at the answer first.

    Attributes:
        n_cases: how many.
        n_bodies: bodies of these cases that ran for each version.
        n_skips: those of them that skipped, by version.
    """

    n_cases: int
    n_bodies: int
    n_skips: Mapping[Role, int]


@dataclass(frozen=True, slots=True)
class CaseSlice:
    """The cases of an evaluation that share a value of a field, drawn or not. It is known before the first draw.

    Attributes:
        field, value: "topic" and "billing"; joined by * where fields are crossed.
        case_ids: its cases.
        size: how many it has, drawn or not.
        horizon: how many of them there were to be at most at the first look; 0 where not known.
    """

    field: str
    value: str
    case_ids: frozenset[str]
    size: int
    horizon: int = 0


@dataclass(frozen=True, slots=True)
class Observations:
    """All scores of one metric of one evaluation.

    Attributes:
        id: the evaluation, e.g. "foundation/test_capitals".
        plan: what is required of it; its design as it is drawn: a sequential one is decided by the first rows (of a
            single case: samples) that suffice, which are then in the order drawn.
        case_ids: one for each row of `candidate`.
        candidate: (n_cases, n_samples), NaN for missing samples.
        baseline: (n_cases, samples of its own) of the same cases in the same order, or None.
        baseline_is_recorded: whether its scores were drawn for another run, so that no more of them can be drawn.
        clusters: the cluster of each case, or None for independent cases. Of two cases of a cluster that are not
            adjacent, the later one adds no evidence to a sequential design.
        copies: what each case is a copy of, known before the first draw; adjacent ones count as one case, by their
            mean. None where no case is one.
        clusters_known_by: the user's field, or what is written in the cases.
        unit: unit of a measure; None means scores in [0, 1].
        at_least, at_most: the declared range of a measure; None where it has none.
        statistic: the quantile that a measure is weighed by in place of its mean, such as "p95".
        higher_is_better: False turns all comparisons round (seconds, perplexity).
        largest_cluster: the most cases that a cluster of the user's field has; adjacent ones count together. 1 where
            clusters are known otherwise: how many cases will turn out to ask the same is not known before they do.
        n_planned: how many cases the evaluation has (samples, for a single case), drawn or not; 0 where not known.
        n_skipped: cases that their body left out.
        partly_skipped: those of them that not all of their bodies skipped, or None.
        n_truncated: candidate scores of an answer that was cut at max_tokens.
        errors: what went wrong; any makes the verdict `error`.
        interruption: how far it was when the run was stopped; it is among the errors, too.
        stopped_at: the limit of the run, in words, at which nothing more was drawn though it was not decided; else "".
        may_decide: False for a part of a fixed design, which is shown and decides nothing.
        traceback: the user's frames of the first error.
        suite_size: how many cases the evaluation has, drawn or not; 0 for `n_planned`, which may be fewer.
        stakes: what its bets were tuned to at the first look; None for what is required now.
        undecided: what of it is shown and decides nothing, as a part of its cases does; "" where it may decide.
        unanswered: of each pair of blocks, by case, the share of requests without an answer, the candidate's less the
            baseline's; a pair that is not in it may not pass.
        is_repeatable: whether a version was asked at temperature 0, so that the samples of a case are one draw.
        alone_because: why there is no baseline though the run has one, such as "smollm2 has no retriever"; else "".
        slices: parts of its cases that are weighed by themselves, too.
    """

    id: str
    metric: str
    plan: Plan
    case_ids: tuple[str, ...]
    candidate: FloatArray
    baseline: FloatArray | None
    clusters: tuple[Any, ...] | None = None
    unit: str | None = None
    higher_is_better: bool = True
    largest_cluster: int = 1
    n_planned: int = 0
    n_skipped: int = 0
    partly_skipped: PartlySkippedCases | None = None
    n_truncated: int = 0
    errors: tuple[str, ...] = ()
    interruption: Interruption | None = None
    traceback: tuple[str, ...] = ()
    baseline_is_recorded: bool = False
    stopped_at: str = ""
    may_decide: bool = True
    suite_size: int = 0
    stakes: Stakes | None = None
    undecided: str = ""
    is_repeatable: bool = False
    copies: tuple[Any, ...] | None = None
    clusters_known_by: Literal["field", "texts"] | None = None
    at_least: float | None = None
    at_most: float | None = None
    statistic: str | None = None
    unanswered: Mapping[str, float] = field(default_factory=dict)
    alone_because: str = ""
    slices: tuple[CaseSlice, ...] = ()

    def __post_init__(self) -> None:
        """Refuse shapes and numbers that no decision can be made from."""
        n_cases = len(self.case_ids)
        for name, scores in (("candidate", self.candidate), ("baseline", self.baseline)):
            if scores is not None and (scores.ndim != 2 or len(scores) != n_cases):
                raise ValueError(f"{self.id}: {name} has shape {scores.shape} for {n_cases} cases.")
        for labels in (self.clusters, self.copies):
            if labels is not None and len(labels) != n_cases:
                raise ValueError(f"{self.id}: {len(labels)} clusters for {n_cases} cases.")
        if self.plan.per == "case" and n_cases > 1:
            raise ValueError(f"{self.id}: per='case' decides one case at a time, and {n_cases} were given.")

    @property
    def is_same(self) -> bool:
        """Whether neither way is better: it passes where the difference lies within the margin on both sides."""
        return self.plan.aim == "same"

    @property
    def bounded(self) -> bool:
        """Whether scores are confined to [0, 1]."""
        return self.unit is None

    @property
    def is_binary(self) -> bool:
        """Whether every score of both versions is 0 or 1."""
        return self.bounded and is_binary(self.candidate) and (self.baseline is None or is_binary(self.baseline))

    @property
    def is_sequential(self) -> bool:
        """Whether it may stop once it is decided: bets are on means of numbers whose range is known."""
        return self.plan.design == "sequential" and self.is_by_mean

    @property
    def is_by_mean(self) -> bool:
        """Whether a mean is weighed, of numbers in a known range: of scores, or of a measure that declares one."""
        has_range = self.bounded or self.at_most is not None
        return has_range and not self.plan.margin_is_relative and self.statistic is None

    @property
    def is_by_median(self) -> bool:
        """Whether the median is weighed, for want of a quantile and of a range, without which no mean is bounded."""
        return weighed_by(self) == "median"

    @property
    def quantile(self) -> float | None:
        """The quantile that it is weighed by, in (0, 1); None for the mean."""
        if self.is_by_median:
            return 0.5
        return None if self.statistic is None else int(self.statistic.removeprefix("p")) / 100

    @property
    def width(self) -> float:
        """The width of its range: 1 for scores, and for a measure without a range."""
        return 1.0 if self.at_least is None or self.at_most is None else self.at_most - self.at_least

    def as_drawn(self, scores: FloatArray) -> FloatArray:
        """Scores of one version with one column for each draw of a case: at temperature 0 its samples are one."""
        return case_means(scores)[:, np.newaxis] if self.is_repeatable else scores

    def as_scores(self) -> Observations:
        """A measure with a range as scores in [0, 1], threshold and margin too; itself where there is no range.

        This is the one place where a range is taken out. What is decided on these is multiplied by `width` to be shown.
        """
        if self.at_least is None or self.at_most is None:
            return self
        low, width = self.at_least, self.width
        return replace(
            self,
            candidate=(self.candidate - low) / width,
            baseline=None if self.baseline is None else (self.baseline - low) / width,
            plan=_scaled(self.plan, low, width),
            stakes=None if self.stakes is None else _scaled(self.stakes, low, width),
            unit=None,
            at_least=None,
            at_most=None,
        )

    @property
    def scored(self) -> BoolArray:
        """The cases that have a candidate score, (n_cases,) of bool."""
        return has_score(self.candidate)

    @property
    def cluster_sizes(self) -> tuple[int, ...]:
        """The numbers of scored cases in each cluster; a case that stands alone is one."""
        if self.clusters is None:
            return (1,) * int(self.scored.sum())
        return tuple(Counter(itertools.compress(self.clusters, self.scored.tolist())).values())

    @property
    def by_samples(self) -> bool:
        """Whether samples are the units, because there is a single case (and not the first of many to come), and they
        may differ.
        """
        is_single = self.plan.design == "fixed" or self.n_planned <= 1
        is_alone = self.plan.per == "case" or (is_single and int(self.scored.sum()) == 1)
        return is_alone and not self.plan.is_exact

    @property
    def tuned_to(self) -> Stakes:
        """The stakes that its bets are tuned to."""
        own = Stakes(self.plan.threshold, self.plan.margin, self.n_planned, self.plan.design == "sequential")
        return own if self.stakes is None else self.stakes

    @property
    def has_two_claims(self) -> bool:
        """Whether a verdict may be about these cases or about cases like these.

        A measure without a range, weighed by a quantile or by its ratio to the baseline, has the second claim alone;
        a single case has one.
        """
        return self.is_by_mean and not self.by_samples

    @property
    def is_about_suite(self) -> bool:
        """Whether the verdict is about these cases."""
        return self.plan.about == "suite" and self.has_two_claims

    @property
    def is_whole(self) -> bool:
        """Whether all cases of the suite are there."""
        return len(self.case_ids) + self.n_skipped >= (self.suite_size or self.n_planned)

    @property
    def is_drawn(self) -> bool:
        """Whether everything is there that will be: all cases (samples, of a single one) that can be weighed."""
        return self.n_done >= self.n_planned if self.by_samples else self.is_whole

    @property
    def n_rows(self) -> int:
        """The number of its cases (samples, for a single one) in the order drawn."""
        return self.candidate.shape[1] if self.by_samples else len(self.case_ids)

    @property
    def n_samples(self) -> int:
        """The number of the candidate's scores."""
        return int((~np.isnan(self.candidate)).sum())

    @property
    def n_done(self) -> int:
        """The number of the `n_planned` that it came to, skipped ones included."""
        return (self.n_samples if self.by_samples else len(self.case_ids)) + self.n_skipped

    def as_shown(self) -> Observations:
        """Itself; a part of a fixed design with bounds that hold whenever one stops, and without a say.

        Its cases come in the random order of a sequential design. When it is cut short may depend on its scores, and so
        may whether somebody goes on from there: its own bounds hold for the whole of it alone. So it is with what can't
        be bet on, such as a quantile, in a sequential design that `max_samples` ends.
        """
        limit = self.stopped_at or ("" if self.plan.design == "fixed" or self.is_drawn else "max_samples")
        if not limit or self.is_sequential:
            return self
        planned = max(self.n_planned, self.suite_size)
        plan = replace(self.plan, design="sequential")
        return replace(self, plan=plan, may_decide=False, stopped_at=limit, n_planned=planned)

    def first(self, n: int) -> Observations:
        """The first `n` rows alone; of a single case its first `n` samples."""
        if self.by_samples:
            baseline = None if self.baseline is None else self.baseline[:, :n]
            return replace(self, candidate=self.candidate[:, :n], baseline=baseline)
        return self.rows(range(min(n, len(self.case_ids))))

    def rows(self, kept: Sequence[int]) -> Observations:
        """Some of its rows alone."""
        rows = np.asarray(kept, dtype=np.intp)
        return replace(
            self,
            case_ids=tuple(self.case_ids[i] for i in kept),
            candidate=self.candidate[rows],
            baseline=None if self.baseline is None else self.baseline[rows],
            clusters=None if self.clusters is None else tuple(self.clusters[i] for i in kept),
            copies=None if self.copies is None else tuple(self.copies[i] for i in kept),
        )


def _scaled(required: Required, low: float, width: float) -> Required:
    """What is required of a measure, as it is of scores."""
    threshold = None if required.threshold is None else (required.threshold - low) / width
    return replace(required, threshold=threshold, margin=required.margin / width)


def oriented(observed: Observations, scores: FloatArray) -> FloatArray:
    """Scores turned so that more is better; those in [0, 1] stay there."""
    if observed.higher_is_better:
        return scores
    return 1 - scores if observed.bounded else -scores


def has_score(scores: FloatArray) -> BoolArray:
    """Mark the rows that hold at least one number."""
    held: BoolArray = np.logical_or.reduce(~np.isnan(scores), axis=1)
    return held
