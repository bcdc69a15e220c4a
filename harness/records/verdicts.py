"""Estimates, and the verdicts that they lead to."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.records.baselines import BaselineRecord
from harness.records.estimates import Difference, Estimate
from harness.records.judging import JudgeSummary
from harness.records.plan import Plan


class VerdictKind(enum.StrEnum):
    """The outcome of an evaluation. The worse one counts: error > failed > regressed > inconclusive > passed."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    REGRESSED = "regressed"
    FAILED = "failed"
    ERROR = "error"

    @property
    def severity(self) -> int:
        """0 for passed up to 4 for error."""
        return list(VerdictKind).index(self)

    @property
    def is_red(self) -> bool:
        """Whether it makes the gate red."""
        return self.severity >= VerdictKind.REGRESSED.severity

    @property
    def exit_code(self) -> int:
        """Of a gate whose worst verdict it is: 0 passed, 1 red, 8 inconclusive."""
        return 1 if self.is_red else 8 if self is VerdictKind.INCONCLUSIVE else 0


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case of an evaluation: mean score of candidate and baseline, and what its samples look like.

    `state` is "stable" (every sample right), "flaky" (some are), "broken" (none is); of the candidate's samples.
    `cluster` is shared by the cases that depend on each other; None where each stands alone. `content` is a digest of
    the case's fields, `asked` one of what its first sample was asked, system text left out; None where not known.
    `fields` are those of the case that are short: numbers, truth values and texts of a line. `unanswered` is of a
    pair of blocks the share of requests that the candidate left unanswered, less the baseline's; None where not known.
    """

    id: str
    n: int
    candidate: float | None
    baseline: float | None
    state: Literal["stable", "flaky", "broken"]
    cluster: str | None = None
    content: str | None = None
    asked: str | None = None
    fields: Mapping[str, Any] | None = None
    unanswered: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One of the two comparisons of an evaluation: against its threshold or against the baseline.

    `red_level` is the chance of a false red that it was given, its share of the whole run's, and `level` that of a
    false pass; None where not recorded.
    """

    against: Literal["threshold", "baseline"]
    verdict: VerdictKind
    reason: str
    difference: Difference
    samples_needed: int | None = None
    red_level: float | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True)
class LostClaim:
    """The cases that are shown to be worse than the baseline's.

    Attributes:
        cases: their ids; at most 5 in 100 of those that are listed are not, on average.
        max_lost: how many the marker allows; None where it says nothing.
        n_decisive: how many are shown at the level that the verdict goes by; 0 without `max_lost`.
        decisive: the ids of these.
    """

    cases: tuple[str, ...]
    max_lost: int | None = None
    n_decisive: int = 0
    decisive: tuple[str, ...] = ()

    @property
    def is_too_many(self) -> bool:
        """Whether more are lost than the marker allows."""
        return self.max_lost is not None and self.n_decisive > self.max_lost


@dataclass(frozen=True, slots=True)
class SliceResult:
    """The cases of an evaluation that share a value of a field, weighed by themselves.

    Attributes:
        field: the field of the cases; "topic*language" where fields are crossed.
        value: theirs; "billing*de" where fields are crossed.
        n_cases: how many of its cases have a score of the candidate.
        candidate, baseline: the estimates; None where there is no score.
        difference: to the baseline; to the threshold where there is no baseline. None where nothing is required. The
            bounds of all slices hold together, but for those that a pass of each of them rests on (`method` says so).
        verdict: `regressed` (against a threshold: `failed`) where it is shown to be worse by more than the margin of
            slices, `passed` where it is shown not to be, else `inconclusive`.
        reason: the verdict in words.
        samples_needed: how many more of the candidate's samples of its cases would decide it; None where not known.
        n_planned: how many cases it has, drawn or not.
    """

    field: str
    value: str
    n_cases: int
    candidate: Estimate | None
    baseline: Estimate | None
    difference: Difference | None
    verdict: VerdictKind
    reason: str = ""
    samples_needed: int | None = None
    n_planned: int = 0


@dataclass(frozen=True, slots=True)
class Stakes:
    """The requirements that bets were tuned to before anything was seen. They stay so, whatever is asked for later.

    Attributes:
        threshold, margin: what was required then.
        horizon: how many units there were to be at most; 0 where not known.
        stops: whether a decision about these cases may come before they are all drawn.
    """

    threshold: float | None
    margin: float
    horizon: int
    stops: bool = True


@dataclass(frozen=True, slots=True)
class LookTaken:
    """The look at the candidate that a verdict comes from, and what it could spend of the error rate.

    Attributes:
        number: counted from 1.
        level: the chance of a false pass that it had: `share` of the error rate.
        red_level: the chance of a false red that all comparisons of the evaluation had together: `red_share` of it.
        weight: the evaluation's part of its batch, which the others gain once it is red.
        batch: of evaluations that were first weighed together.
        because: why it is not the look before, or that it was added to others that had been weighed; else "".
        stakes: what the bets were tuned to; None for what is required now.
    """

    number: int
    level: float
    red_level: float
    weight: float = 1.0
    batch: int = 1
    because: str = ""
    stakes: Stakes | None = None
    share: float = 1.0
    red_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """The progress of an evaluation when its run was stopped: bodies that had ended, of all."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A figure over all cases at once, which no mean of scores gives: a perplexity, a BLEU over a corpus.

    It is told beside a verdict and decides nothing. None where a version has none.
    """

    name: str
    candidate: float | None
    baseline: float | None


@dataclass(frozen=True, slots=True)
class ReviewSummary:
    """The review of an evaluation that is decided by labels and judge together.

    Attributes:
        batch: its items in the review queue.
        mode: how they are drawn: "uncertain", "failures" or "all".
        n_labels: labels that are in; `n_errors` of them contradict the judge.
        n_waiting: items that wait for a label.
        wait_s: about how long these take one reviewer, in seconds.
        n_stuck: items that wait to be adjudicated: disputed or flagged.
        closed: why none of it is offered though it is not decided, such as by whose hand; None where it is.
        url: the address of the queue, where the settings have one.
        n_excluded: items that an adjudicator left out, each of which counts the worst way.
        n_events: labels, adjudications, exclusions and undos that had been recorded when it was decided; None where not
            known.
    """

    batch: str
    mode: Literal["uncertain", "failures", "all"]
    n_labels: int
    n_errors: int
    n_waiting: int
    wait_s: float
    n_stuck: int = 0
    closed: str | None = None
    url: str | None = None
    n_events: int | None = None
    n_excluded: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of one evaluation on one metric, with everything that led to it (one entry of report.json).

    Attributes:
        n_samples: scores of the candidate; `n_truncated` of them come from an answer cut at max_tokens.
        plan: what was required and how it was drawn, as it was decided: "sequential" if it stopped as soon as it was
            decided, so that bounds hold whenever one stops; about these cases only where that was claimed; and with the
            direction that counted.
        n_planned: how many cases the evaluation has (samples, for a single case), decided by or not; 0 where not known.
        largest_cluster: the most cases that one of its clusters has.
        n_clusters: how many cases its cases count as, those of a cluster being one; None where that is not recorded.
        clusters_known_by: "field" for the user's clusters, "texts" where cases are copies of each other; None
            where each stands alone.
        is_binary: whether every score of both versions is 0 or 1, so that a case's mean is a number of right ones.
        interruption: where the run was stopped in the middle of it; `errors` then says so too.
        traceback: the user's frames of the first of `errors`, outermost first, where there is more than one.
        judges: what each judge did that its bodies asked.
        aggregates: figures over the cases that were decided by, as the library that defines the metrics reports them.
        review: where the verdict comes from labels and judge together: how far people are.
        baseline_record: where the baseline's scores were recorded: which of its cases they could be paired with.
        at_least, at_most: the declared range of a measure; None where it has none.
        statistic: the quantile that a measure is weighed by in place of its mean, such as "p95".
        stopped_at: the limit that ended its sampling before its last case, such as "max_tokens 10,000", where it was
            not decided before; None elsewhere. It then is `inconclusive` (or an error), never passed or red by that.
        lost: which cases are lost; None without a baseline, and where that can't be told.
        look: which look at the candidate it is; None where not recorded.
        suite_size: how many cases the evaluation has; 0 where not recorded. `n_planned` may be fewer.
        is_repeatable: whether answers were asked for at temperature 0, so that the samples of a case are one draw.
        slices: each value of the fields that the marker names, the worst first.
    """

    id: str
    metric: str
    plan: Plan
    verdict: VerdictKind
    reason: str
    n_cases: int
    n_samples: int
    candidate: Estimate | None
    baseline: Estimate | None
    difference: Difference | None
    samples_needed: int | None
    labels_needed: int | None = None
    cases: tuple[CaseResult, ...] = ()
    checks: tuple[Check, ...] = ()
    unit: str | None = None
    higher_is_better: bool = True
    n_skipped: int = 0
    n_truncated: int = 0
    errors: tuple[str, ...] = ()
    is_binary: bool = False
    interruption: Interruption | None = None
    traceback: tuple[str, ...] = ()
    n_planned: int = 0
    judges: tuple[JudgeSummary, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    largest_cluster: int = 1
    review: ReviewSummary | None = None
    baseline_record: BaselineRecord | None = None
    stopped_at: str | None = None
    lost: LostClaim | None = None
    look: LookTaken | None = None
    suite_size: int = 0
    is_repeatable: bool = False
    n_clusters: int | None = None
    clusters_known_by: Literal["field", "texts"] | None = None
    at_least: float | None = None
    at_most: float | None = None
    statistic: str | None = None
    slices: tuple[SliceResult, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether nothing is left to chance: its body gives the same each time, and all its cases are there."""
        return self.plan.is_exact and self.plan.about == "suite" and self.n_cases + self.n_skipped >= self.suite_size

    @property
    def bet_on_together(self) -> int:
        """The most cases that are one bet by their sum: those of a cluster of the user's."""
        return self.largest_cluster if self.clusters_known_by in (None, "field") else 1
