"""The report of a run: its verdicts, the versions that it asked, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.records.budget import Budget
from harness.records.verdicts import Verdict, VerdictKind


@dataclass(frozen=True, slots=True)
class VersionRef:
    """A version as a report names it.

    Attributes:
        model: the name of the model that its endpoint was asked for; None where it has no endpoint.
        answered_as: the names under which the endpoint answered in place of that, in this run.
        n_documents: of a corpus; None for a model.
        commit: that its code and files are of; None where they are those that lay in the project's folder.
        printed_lines: that an application printed in this run.
    """

    name: str
    fingerprint: str
    model: str | None = None
    answered_as: tuple[str, ...] = ()
    n_documents: int | None = None
    commit: str | None = None
    printed_lines: int = 0


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """The answers of a candidate that was not asked: all of them came from the store.

    Attributes:
        asked: what would have been asked: "endpoint" or "model".
        oldest, newest: the days on which they were drawn, in UTC: "2026-11-20".
    """

    asked: str
    oldest: str
    newest: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The samples, tokens, time and cost of a run.

    `model_calls` are samples drawn from a model in this run, `stored_samples` those answered by the store,
    `shared_samples` those that the run already had because another body asked the same: together, all that bodies
    asked for. `http_requests` are those sent over a wire, of blocks as well. `cost` is that of the tokens drawn in
    this run, in the currency of the settings; None where a version that was asked has no price. `flops` are the
    operations of each version's forward passes in this run; None where they can't be told. `measured_blocks` and
    `stored_blocks` are how many of `model_calls` and `stored_samples` are blocks of time under load.
    `failed_samples` were asked of an engine that gave none.
    """

    model_calls: int = 0
    http_requests: int = 0
    stored_samples: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    wall_s: float = 0.0
    shared_samples: int = 0
    cost: float | None = None
    flops: Mapping[str, float | None] = field(default_factory=dict)
    measured_blocks: int = 0
    stored_blocks: int = 0
    failed_samples: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A case to look at: it moved between baseline and candidate, or was not always right where there is no baseline
    or a threshold is set.

    Attributes:
        candidate, baseline: mean scores; no baseline where the evaluation is not run for one.
        n, baseline_n: how many scores the means are of.
        candidate_answer, baseline_answer: the start of one answer each, the candidate's worst and the baseline's best.
        candidate_reason, baseline_reason: why that answer has its score, in the body's words, where it has any.
        expected: the start of what the case says is expected, where it has such a field.
    """

    evaluation_id: str
    case_id: str
    metric: str
    candidate: float
    baseline: float | None
    n: int
    candidate_answer: str | None
    baseline_answer: str | None
    baseline_n: int | None = None
    candidate_reason: str | None = None
    baseline_reason: str | None = None
    expected: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run: what report.json holds, and a little more for the terminal.

    Attributes:
        judges: the versions that scored its answers, if any.
        n_unreached: evaluations that have no verdict because pytest stopped before them, as it does with -x.
        budget: what the run might spend, and spent; None where it was given no limit.
        best_of: among how many candidates this one was chosen, which share the error rate; 1 where it stands alone.
        skipped: evaluations that have no verdict because the candidate has nothing of what they weigh.
        notes: sentences on versions, and on errors that no verdict rests on, that a reader must know.
        from_store: tells of the candidate's answers where all came from the store; None where any was asked for.
    """

    run_id: str
    created: str
    exit_code: int
    verdict: VerdictKind
    confidence_level: float
    candidate: VersionRef
    baseline: VersionRef | None
    usage: Usage
    evaluations: tuple[Verdict, ...]
    changes: tuple[Change, ...] = ()
    judges: tuple[VersionRef, ...] = ()
    n_unreached: int = 0
    budget: Budget | None = None
    best_of: int = 1
    skipped: tuple[SkippedEvaluation, ...] = ()
    notes: tuple[str, ...] = ()
    from_store: StoredAnswers | None = None
    schema_version: int = 1


@dataclass(frozen=True, slots=True)
class SkippedEvaluation:
    """An evaluation that was skipped, and why: "student has no retriever"."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateStart:
    """A gate that is about to draw its first sample.

    Attributes:
        run_id: of its run in the store, and of its report.
        created: when, in UTC.
        evaluations: the ids of those that the session holds, pytest's node ids.
    """

    run_id: str
    created: str
    confidence_level: float
    candidate: VersionRef
    baseline: VersionRef | None
    judges: tuple[VersionRef, ...]
    evaluations: tuple[str, ...]
