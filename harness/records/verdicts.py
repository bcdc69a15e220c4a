"""Estimates, and the verdicts that they lead to: the entries of report.json.

What each field holds is said once, in report.schema.json; here is what only the code needs to know.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal

from harness.records.kinds import Kind
from harness.records.plan import Plan


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error, two-sided interval and method."""

    value: float
    standard_error: float
    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline or threshold. `low` and `high` are the one-sided bounds that the verdict used."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    method: str


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
        """True if it makes the gate red."""
        return self.severity >= VerdictKind.REGRESSED.severity

    @property
    def exit_code(self) -> int:
        """Of a gate whose worst verdict it is: 0 passed, 1 red, 8 inconclusive."""
        return 1 if self.is_red else 8 if self is VerdictKind.INCONCLUSIVE else 0


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case of an evaluation: mean score of candidate and baseline, and what its samples look like.

    Fields that default to None are left out of report.json where they are None.
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
    """One of the comparisons of an evaluation."""

    against: Literal["threshold", "baseline", "anchor"]
    verdict: VerdictKind
    reason: str
    difference: Difference
    samples_needed: int | None = None
    red_level: float | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True)
class LostClaim:
    """The cases that are shown to be worse than the baseline's; `decisive` at the level that the verdict goes by."""

    cases: tuple[str, ...]
    max_lost: int | None = None
    n_decisive: int = 0
    decisive: tuple[str, ...] = ()

    @property
    def is_too_many(self) -> bool:
        """True if more are lost than the marker allows."""
        return self.max_lost is not None and self.n_decisive > self.max_lost


@dataclass(frozen=True, slots=True)
class SliceResult:
    """The cases of an evaluation that share a value of a field, weighed by themselves.

    The bounds of all slices hold together, but for those that a pass of each of them rests on (`method` says so).
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
    """The requirements that bets were tuned to before anything was seen. They stay so, whatever is asked for later."""

    threshold: float | None
    margin: float
    horizon: int
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    """The part of the error rate that one evaluation may spend at one look at a candidate.

    Attributes:
        number: of the look, counted from 1.
        share: of the error rate, at which it may pass.
        red_share: what its reds may spend, over all its comparisons.
        weight: its part of the batch: what the rest of it may spend more once this one is red.
        batch: evaluations that were first weighed together have one share of red, corrected among themselves.
        because: why it is not the look before, in words, or that the evaluation was added to those that had been
            weighed; "" for the first look of the first batch.
        level, red_level, stakes: of the verdict that came of it.
    """

    number: int = 1
    share: float = 1.0
    red_share: float = 1.0
    weight: float = 1.0
    batch: int = 1
    because: str = ""
    level: float = 0.0
    red_level: float = 0.0
    stakes: Stakes | None = None

    def at(self, level: float) -> Look:
        """The look of a gate that is wrong with a chance of `level`."""
        return replace(self, level=level * self.share, red_level=level * self.red_share)


@dataclass(frozen=True, slots=True)
class Interruption:
    """The progress of an evaluation when its run was stopped: bodies that had ended, of all."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A figure over all cases at once, which no mean of scores gives: a perplexity, a BLEU over a corpus."""

    name: str
    candidate: float | None
    baseline: float | None


@dataclass(frozen=True, slots=True)
class JudgeSummary:
    """The work of one judge in an evaluation, over all bodies that count."""

    name: str
    n_answers: int
    n_malformed: int = 0
    noise: float | None = None
    flip: Estimate | None = None
    first_wins: Estimate | None = None


@dataclass(frozen=True, slots=True)
class ReviewSummary:
    """The review of an evaluation that is decided by labels and judge together."""

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
class BaselineRecord:
    """The recorded scores that an evaluation was weighed against, where no baseline was asked."""

    name: str
    run_id: str
    created: str
    n_paired: int
    n_changed: int
    n_new: int
    n_removed: int
    asked_otherwise: int
    n_skipped: int = 0
    scored_otherwise: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """A version that a candidate is weighed against.

    Attributes:
        fingerprint: of the version.
        recording: the run that is recorded of it; "" where it is asked.
        draws: which draws a recording has, each by first index, generation and its begin; the run where not known.
        asked: first index and generation of those that this store has, with which looks may have been asked.
        unpaired: digests of the cases that a recording lacks, or has otherwise.
    """

    fingerprint: str
    recording: str = ""
    draws: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset()
    unpaired: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Weighed(Kind):
    """One metric of an evaluation, as it is weighed and as its verdict tells it.

    Attributes:
        clusters_known_by: the user's field, whose adjacent cases are bet on by their sum, or the texts of the cases:
            adjacent copies count as one case, by their mean.
        largest_cluster: the most cases that a cluster of the user's field has, where one is known before the first
            draw; how many cases are copies is known after the last.
        n_planned: how many cases the evaluation has (samples, for a single case), drawn or not; 0 where not known.
        suite_size: how many cases the evaluation has, drawn or not; 0 for `n_planned`, which may be fewer.
        n_skipped: cases that their body left out.
        n_truncated: candidate scores of an answer that was cut at max_tokens.
        errors: what went wrong; any makes the verdict `error`. How far it was when the run was stopped
            (`interruption`) is among them, too; `traceback` has the user's frames of the first.
        is_repeatable: whether a version was asked at temperature 0, so that the samples of a case are one draw.
    """

    id: str
    metric: str
    plan: Plan
    _: KW_ONLY
    clusters_known_by: Literal["field", "texts"] | None = None
    largest_cluster: int = 1
    n_planned: int = 0
    suite_size: int = 0
    n_skipped: int = 0
    n_truncated: int = 0
    errors: tuple[str, ...] = ()
    interruption: Interruption | None = None
    traceback: tuple[str, ...] = ()
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Verdict(Weighed):
    """The verdict of one evaluation on one metric, with everything that led to it; `plan` is as it was decided, with
    the design, the claim and the direction that counted.
    """

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
    is_binary: bool = False
    judges: tuple[JudgeSummary, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    review: ReviewSummary | None = None
    baseline_record: BaselineRecord | None = None
    stopped_at: str | None = None
    lost: LostClaim | None = None
    look: Look | None = None
    n_clusters: int | None = None
    slices: tuple[SliceResult, ...] = ()
    anchor: Estimate | None = None
    anchor_difference: Difference | None = None

    @property
    def is_certain(self) -> bool:
        """True if nothing is left to chance: its body gives the same each time, and all its cases are there."""
        return self.plan.is_exact and self.plan.about == "suite" and self.n_cases + self.n_skipped >= self.suite_size
