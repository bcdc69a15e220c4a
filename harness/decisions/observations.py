"""Observations that a decision starts from: all scores of one metric of one evaluation."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from harness.records import Kind, Plan, Role, Stakes, Weighed
from harness.statistics.arrays import BoolArray, FloatArray, case_means, is_binary

Required = TypeVar("Required", Plan, Stakes)


@dataclass(frozen=True, slots=True)
class CaseSlice:
    """The cases of an evaluation that share a value of a field, drawn or not. It is known before the first draw.

    Attributes:
        field, value: "topic" and "billing"; joined by * where fields are crossed.
        size: how many cases it has, drawn or not; `horizon` how many there were to be at most at the first look, 0
            where that is not known.
    """

    field: str
    value: str
    case_ids: frozenset[str]
    size: int
    horizon: int = 0


@dataclass(frozen=True, slots=True)
class Observations(Weighed):
    """All scores of one metric of one evaluation. Its plan has the design as it is drawn: a sequential one is decided
    by the first rows (of a single case: samples) that suffice, which are then in the order drawn.

    Attributes:
        case_ids: one for each row of `candidate`.
        candidate: (n_cases, n_samples), NaN for missing samples.
        baseline, anchor: (n_cases, samples of its own) of the same cases in the same order, or None.
        clusters: the cluster of each case, or None for independent cases. Of two cases of a cluster that are not
            adjacent, the later one adds no evidence to a sequential design.
        anchor_name: the anchor, as reasons name it.
        recorded: the sides whose scores were drawn for another run, so that no more of them can be drawn.
        stopped_at: the limit of the run, in words, at which nothing more was drawn though it was not decided; else "".
        may_decide: False for a part of a fixed design, which is shown and decides nothing.
        undecided: what of it is shown and decides nothing, as a part of its cases does; "" where it may decide.
        stakes: what its bets were tuned to at the first look; None for what is required now.
        unanswered: of each pair of blocks, by case, the share of requests without an answer, the candidate's less the
            baseline's; a pair that is not in it may not pass.
        asides: what else a reader must know of how it was drawn, in words.
        slices: parts of its cases that are weighed by themselves, too.
        baseline_level: at which a bound of the baseline is wrong that all candidates share; 0 where pairs are weighed.
    """

    case_ids: tuple[str, ...]
    candidate: FloatArray
    baseline: FloatArray | None
    clusters: tuple[Any, ...] | None = None
    anchor: FloatArray | None = None
    anchor_name: str = ""
    recorded: frozenset[Role] = frozenset()
    stopped_at: str = ""
    may_decide: bool = True
    undecided: str = ""
    stakes: Stakes | None = None
    unanswered: Mapping[str, float] = field(default_factory=dict)
    asides: tuple[str, ...] = ()
    slices: tuple[CaseSlice, ...] = ()
    baseline_level: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shapes that no decision can be made from."""
        n_cases = len(self.case_ids)
        for name, scores in self.sides.items():
            if scores.ndim != 2 or len(scores) != n_cases:
                raise ValueError(f"{self.id}: {name} has shape {scores.shape} for {n_cases} cases.")
        if self.clusters is not None and len(self.clusters) != n_cases:
            raise ValueError(f"{self.id}: {len(self.clusters)} clusters for {n_cases} cases.")
        if self.plan.per == "case" and n_cases > 1:
            raise ValueError(f"{self.id}: per='case' decides one case at a time, and {n_cases} were given.")

    @property
    def sides(self) -> dict[Role, FloatArray]:
        """The scores of each version that it has."""
        known = {"candidate": self.candidate, "baseline": self.baseline, "anchor": self.anchor}
        return {role: scores for role, scores in known.items() if scores is not None}  # type: ignore[misc]

    def on_sides(self, change: Callable[[FloatArray], FloatArray]) -> dict[str, Any]:
        """What `change` makes of the scores of each version that it has."""
        return {role: change(scores) for role, scores in self.sides.items()}

    def beside(self, against: str) -> Observations:
        """The same, with the anchor in the baseline's place where that is what it is weighed against."""
        return replace(self, baseline=self.anchor) if against == "anchor" else self

    @property
    def is_same(self) -> bool:
        """True if neither way is better: it passes where the difference lies within the margin on both sides."""
        return self.plan.aim == "same"

    @property
    def is_binary(self) -> bool:
        """True if every score of all versions is 0 or 1."""
        return self.unit is None and all(map(is_binary, self.sides.values()))

    @property
    def is_by_mean(self) -> bool:
        """True if a mean is weighed, of numbers in a known range, and not its ratio to the baseline's."""
        return self.weighed_by == "mean" and not self.plan.margin_is_relative

    @property
    def is_sequential(self) -> bool:
        """True if it may stop once it is decided: bets are on means of numbers whose range is known."""
        return self.plan.design == "sequential" and self.is_by_mean

    @property
    def has_two_claims(self) -> bool:
        """True if a verdict may be about these cases or about cases like these. Quantiles, ratios to the baseline and a
        single case have one claim.
        """
        return self.is_by_mean and not self.by_samples

    @property
    def is_about_suite(self) -> bool:
        """True if the verdict is about these cases."""
        return self.plan.about == "suite" and self.has_two_claims

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
        """True if samples are the units, because there is a single case (and not the first of many to come), and they
        may differ.
        """
        is_single = self.plan.design == "fixed" or self.n_planned <= 1
        is_alone = self.plan.per == "case" or (is_single and int(self.scored.sum()) == 1)
        return is_alone and not self.plan.is_exact

    @property
    def units_in_words(self) -> str:
        """The singular of what is counted."""
        return "sample" if self.by_samples else "case"

    @property
    def tuned_to(self) -> Stakes:
        """The stakes that its bets are tuned to."""
        plan = self.plan
        return self.stakes or Stakes(plan.threshold, plan.margin, self.n_planned, plan.design == "sequential")

    @property
    def is_whole(self) -> bool:
        """True if all cases of the suite are there."""
        return len(self.case_ids) + self.n_skipped >= (self.suite_size or self.n_planned)

    @property
    def is_drawn(self) -> bool:
        """True if everything is there that will be: all cases (samples, of a single one) that can be weighed."""
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
            **self.on_sides(lambda scores: (scores - low) / width),
            plan=_scaled(self.plan, low, width),
            stakes=None if self.stakes is None else _scaled(self.stakes, low, width),
            **{**self.fields_of(Kind), "unit": None, "at_least": None, "at_most": None},
        )

    def as_shown(self) -> Observations:
        """Itself; a part of a fixed design with bounds that hold whenever one stops, and without a say.

        Its cases come in the random order of a sequential design. When it is cut short may depend on its scores, and so
        may whether somebody goes on from there: its own bounds hold for the whole of it alone. So it is with what can't
        be bet on, such as a quantile, in a sequential design that `max_samples` ends.
        """
        limit = self.stopped_at or ("" if self.plan.design == "fixed" or self.is_drawn else "max_samples")
        if not limit or self.is_sequential:
            return self
        planned, plan = max(self.n_planned, self.suite_size), replace(self.plan, design="sequential")
        return replace(self, plan=plan, may_decide=False, stopped_at=limit, n_planned=planned)

    def first(self, n: int) -> Observations:
        """The first `n` rows alone; of a single case its first `n` samples."""
        if not self.by_samples:
            return self.rows(range(min(n, len(self.case_ids))))
        return replace(self, **self.on_sides(lambda scores: scores[:, :n]))

    def rows(self, kept: Sequence[int]) -> Observations:
        """Some of its rows alone."""
        rows = np.asarray(kept, dtype=np.intp)
        return replace(
            self,
            case_ids=tuple(self.case_ids[i] for i in kept),
            **self.on_sides(lambda scores: scores[rows]),
            clusters=None if self.clusters is None else tuple(self.clusters[i] for i in kept),
        )


def _scaled(required: Required, low: float, width: float) -> Required:
    """Return what is required of a measure, as it is of scores."""
    threshold = None if required.threshold is None else (required.threshold - low) / width
    return replace(required, threshold=threshold, margin=required.margin / width)


def oriented(observed: Observations, scores: FloatArray) -> FloatArray:
    """Scores turned so that more is better; those in [0, 1] stay there."""
    if observed.higher_is_better:
        return scores
    return 1 - scores if observed.unit is None else -scores


def has_score(scores: FloatArray) -> BoolArray:
    """Mark the rows that hold at least one number."""
    held: BoolArray = np.logical_or.reduce(~np.isnan(scores), axis=1)
    return held
