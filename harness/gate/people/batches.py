"""The review queue and the gate: what people are asked, what their labels decide, and when they are asked no more.

All that this needs is in the store: a run's scores, its samples, and the batch with its draws and labels. So a gate, a
server that takes labels, and `steelyard gate --resume` come to the same verdict.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from harness.decisions import worst
from harness.decisions.labels import LabelledCheck, decide_labelled
from harness.records import VerdictKind
from harness.records.review import DECIDED, SUPERSEDED, Batch
from harness.review.batches.draws import (
    DrawLedger,
    JudgedCases,
    Mode,
    further_items,
    read_ledger,
    subject_of,
    to_the_end,
)
from harness.review.batches.population import ReviewPlan
from harness.statistics.labels.drawing import next_draw
from harness.statistics.labels.draws import LabelQuestion
from harness.store import RunInfo, Store

_FEW_CASES, _MANY_CASES = 100, 300
"""With more left than few, and with many at all, no end is foreseen: it would take long."""


@dataclass(frozen=True, slots=True)
class LabelEvidence:
    """The evidence that labels and judge have come to: a check of each question, and the labels that they rest on."""

    checks: tuple[LabelledCheck, ...]
    ledger: DrawLedger
    most_items: int
    """As many items as the batch may come to have: the cases that did not pass without one."""

    @property
    def verdict(self) -> VerdictKind:
        """Red where one is, passed where all are."""
        return worst(each.check.verdict for each in self.checks)

    @property
    def labels_needed(self) -> int | None:
        """About how many more labels would decide it; None where it is decided or nothing tells."""
        wanted = [each.labels_needed for each in self.checks if each.check.verdict is VerdictKind.INCONCLUSIVE]
        known = [count for count in wanted if count is not None]
        return max(known) if known == wanted and not self.verdict.is_red and known else None


@dataclass(frozen=True, slots=True)
class GateBatch:
    """A batch that a gate decides by, with the judged cases that it is drawn from and the questions."""

    store: Store
    batch: Batch
    subject: JudgedCases
    questions: Sequence[LabelQuestion]

    def outlook(self) -> LabelEvidence:
        """Weigh the labels that are in, with the judge."""
        subject = self.subject
        drawn = read_ledger(self.store, self.batch, len(subject.items.scores))
        ledger = to_the_end(subject, drawn, self.questions)
        n_left = len(subject.cases) - sum(len(draw.passed) for draw in ledger.draws)
        return LabelEvidence(_checks(subject, self.questions, ledger), ledger, n_left * len(subject.populations))

    def settle(self) -> LabelEvidence:
        """Close the batch where it is decided, or no label could decide it any more; anew where changed labels decide
        it otherwise. Open it where labels were taken back; and else draw what is missing. A batch that somebody closed
        stays closed.
        """
        outlook, batch, review = self.outlook(), self.batch, self.store.review
        is_decided = outlook.verdict is not VerdictKind.INCONCLUSIVE
        if is_decided or not can_be_decided(self.subject, self.questions, outlook.ledger):
            problem = batch.source.get("problem") or "the labels that are left decide nothing"
            reason = f"{DECIDED}: {outlook.verdict}" + ("" if is_decided else f" ({problem})")
            was_decided = (batch.closed_reason or "").startswith(DECIDED)
            if batch.closed is None or (was_decided and batch.closed_reason != reason):
                review.set_closed(batch.id, time.time(), reason)
        elif batch.closed is None or (batch.closed_reason or "").startswith(DECIDED):
            if batch.closed is not None:
                review.set_closed(batch.id, None)
            review.extend(batch.id, further_items(self.subject, outlook.ledger, self.questions, batch.id))
        return outlook


def can_be_decided(subject: JudgedCases, questions: Sequence[LabelQuestion], ledger: DrawLedger) -> bool:
    """Tell whether labels can pass or fail it, if all that are still to come speak for the candidate, or against."""
    n_turns = sum(len(draw.passed) + (draw.case is not None) for draw in ledger.draws)
    if len(subject.cases) - n_turns > _FEW_CASES:
        return True
    return any(_foreseen(subject, questions, ledger, label) is not VerdictKind.INCONCLUSIVE for label in (0.0, 1.0))


def shortfall(subject: JudgedCases, questions: Sequence[LabelQuestion]) -> str:
    """Say before the first label that the cases are too few to pass, and about how many would do; else nothing."""
    n_cases, empty = len(subject.cases), DrawLedger.of([], [], False, len(subject.populations))

    def passes(n: int) -> bool:
        return _foreseen(subject.of_size(n), questions, empty, 1.0) is VerdictKind.PASSED

    if n_cases > _MANY_CASES or passes(n_cases):
        return ""
    sizes = (math.ceil(n_cases * times) for times in (1.5, 2, 3, 4, 6, 8, 12, 16, 24))
    enough = next((n for n in sizes if n <= _MANY_CASES and passes(n)), None)
    would = "more would" if enough is None else f"about {math.ceil(enough / 10) * 10:,} would"
    return f"{n_cases:,} case{' cannot' if n_cases == 1 else 's cannot'} pass whatever people say: {would}"


def _foreseen(
    subject: JudgedCases, questions: Sequence[LabelQuestion], ledger: DrawLedger, label: float
) -> VerdictKind:
    """The verdict if people give the candidate this label from now on, and the baseline the opposite."""
    labels = [label, 1 - label][: len(subject.populations)]
    ledger = replace(ledger, labels=np.where(np.isnan(ledger.labels), labels, ledger.labels))
    while (draw := next_draw(subject.items, ledger, questions)) is not None:
        ledger = ledger.also(replace(draw, probability=1.0) if subject.is_whole else draw, labels)
    return worst(each.check.verdict for each in _checks(subject, questions, ledger))


def _checks(subject: JudgedCases, questions: Sequence[LabelQuestion], ledger: DrawLedger) -> tuple[LabelledCheck, ...]:
    return tuple(decide_labelled(each, ledger, subject.items.judged_means(each.of)) for each in questions)


def fill_batch(
    store: Store, run: RunInfo, subject: JudgedCases, questions: Sequence[LabelQuestion], mode: Mode
) -> GateBatch:
    """The batch of what is reviewed: the one that there is, from now on decided by this run, or a new one.

    Those of other answers to the same evaluation, or of another rubric, are closed, so that nobody labels what no gate
    decides any more. What was closed so is open again when its answers come back.
    """
    plan, review = subject.plan, store.review
    asked = [asdict(each) for each in questions]
    source = {"key": subject.key, "mode": mode, "questions": asked, "roles": list(plan.roles)}
    if problem := shortfall(subject, questions):
        source["problem"] = problem
    about = plan.evaluation_id, plan.form, plan.metric, run.run_id
    known = review.find_or_add(Batch(secrets.token_hex(4), time.time(), *about, source))
    for other in review.batches():
        is_same = (other.evaluation_id, other.metric) == (plan.evaluation_id, plan.metric)
        if is_same and other.closed is None and other.source.get("key", subject.key) != subject.key:
            review.set_closed(other.id, time.time(), f"{SUPERSEDED} by run {run.run_id}")
    review.set_source(known.id, run.run_id, source)
    if (known.closed_reason or "").startswith(SUPERSEDED):
        review.set_closed(known.id, None)
    return GateBatch(store, review.batch(known.id), subject, questions)


class Attendant:
    """Looks after batches of the gate while labels come in; remembers what a run's answers are. Not thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subjects: dict[tuple[str, str, Mode], JudgedCases] = {}

    def attend(
        self, batch_id: str, how: Callable[[GateBatch], LabelEvidence] = GateBatch.settle
    ) -> LabelEvidence | None:
        """Decide a batch again, and close it or draw more; None for one that no gate decides.

        Args:
            how: `GateBatch.outlook` for the same without a change.

        Raises:
            SettingsError, ReviewError: it is gone, or its answers are no longer stored.
        """
        batch = self._store.review.batch(batch_id)
        if "key" not in batch.source or batch.run_id is None:
            return None
        questions = [LabelQuestion(**each) for each in batch.source["questions"]]
        own = self.reopen(batch, batch.run_id, batch.source["mode"], questions)
        return None if own is None else how(own)

    def reopen(self, batch: Batch, run_id: str, mode: Mode, questions: Sequence[LabelQuestion]) -> GateBatch | None:
        """The batch with the judged cases of a run that it is of; None where the run is gone."""
        place = (batch.id, run_id, mode)
        if place not in self._subjects:
            run = next((run for run in self._store.runs() if run.run_id == run_id), None)
            if run is None:
                return None
            plan = ReviewPlan(batch.evaluation_id, batch.metric, batch.form, roles=tuple(batch.source["roles"]))
            self._subjects[place] = subject_of(self._store, run, plan, mode)
        return GateBatch(self._store, batch, self._subjects[place], questions)
