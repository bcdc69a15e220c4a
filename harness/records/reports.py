"""The report of a run: its verdicts, the versions that it asked, and what it cost.

What each field holds is said once, in report.schema.json; here is what only the code needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.records.budget import Budget
from harness.records.verdicts import Verdict, VerdictKind


@dataclass(frozen=True, slots=True)
class VersionRef:
    """A version as a report names it."""

    name: str
    fingerprint: str
    model: str | None = None
    answered_as: tuple[str, ...] = ()
    n_documents: int | None = None
    commit: str | None = None
    printed_lines: int = 0


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """The days between which the answers were drawn of a candidate that was not asked: all came from the store."""

    asked: str
    oldest: str
    newest: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The samples, tokens, time and cost of a run.

    `model_calls` were drawn from a model in this run, `stored_samples` answered by the store, `shared_samples` the run
    had already because another body asked the same: together, all that bodies asked for.
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
    or a threshold is set. Texts are the start of each side's answer: the candidate's worst, the baseline's best, which
    so many samples of each gave.
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
    question: str | None = None
    candidate_same: int = 0
    baseline_same: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """The cases that a red evaluation lost, and what they have in common; "" where nothing is more than chance."""

    evaluation_id: str
    metric: str
    n_lost: int
    n_others: int
    shared: str = ""
    n_seen: int = 0
    n_with: int = 0
    n_others_seen: int = 0
    n_others_with: int = 0
    p_value: float | None = None


NoteKind = Literal[
    "problem", "version", "draws", "suite", "budget", "waiver", "selection", "skipped", "cut", "margin", "lost",
    "recording", "judge", "ranges",
]  # fmt: skip
"""What a note is about; "problem" is what went wrong and no verdict rests on, "ranges" how bounds are to be read.
Notes stand in this order."""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence that a reader must know before trusting the figures: those of one evaluation, or of the run."""

    kind: NoteKind
    text: str
    evaluation: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step to take after a run: a command that can be copied as it is, and what it is good for; "" for no command.

    `is_local` is of those that only work where the run was made.
    """

    command: str
    why: str
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Waiver:
    """An evaluation that is accepted, whatever it comes to, until a day that it ends with: ISO, by UTC."""

    evaluation_id: str
    reason: str
    until: str
    is_over: bool = False

    def __str__(self) -> str:
        return f"accepted until {self.until}{', which is over' if self.is_over else ''}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run: what report.json holds."""

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
    losses: tuple[Loss, ...] = ()
    judges: tuple[VersionRef, ...] = ()
    n_unreached: int = 0
    budget: Budget | None = None
    best_of: int = 1
    skipped: tuple[SkippedEvaluation, ...] = ()
    notes: tuple[Note, ...] = ()
    from_store: StoredAnswers | None = None
    command: tuple[str, ...] | None = None
    steps: tuple[Step, ...] = ()
    schema_version: int = 1
    waivers: tuple[Waiver, ...] = ()
    anchor: VersionRef | None = None

    def accepted(self, verdict: Verdict) -> Waiver | None:
        """The waiver that a verdict is accepted by; an error is never accepted, for nothing was weighed."""
        return waiver_of(verdict, self.waivers)


def waiver_of(verdict: Verdict, waivers: Sequence[Waiver]) -> Waiver | None:
    """The one of the waivers that a verdict is accepted by; None of one that passed, and of an error."""
    if verdict.verdict in (VerdictKind.PASSED, VerdictKind.ERROR):
        return None
    return next((each for each in waivers if each.evaluation_id == verdict.id and not each.is_over), None)


@dataclass(frozen=True, slots=True)
class SkippedEvaluation:
    """An evaluation that was skipped, and why: "student has no retriever"."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateStart:
    """A gate that is about to draw its first sample; `evaluations` are the node ids of those that the session holds."""

    run_id: str
    created: str
    confidence_level: float
    candidate: VersionRef
    baseline: VersionRef | None
    judges: tuple[VersionRef, ...]
    evaluations: tuple[str, ...]
