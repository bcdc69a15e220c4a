"""The review queue and the gate: what people are asked, what their labels decide, and when they are asked no more.

All that this needs is in the store: a run's scores, its samples, and the batch with its draws and labels. So a gate, a
server that takes labels, and `steelyard gate --resume` come to the same verdict.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from harness.decisions import worst
from harness.decisions.labelled import LabelledCheck, decide_labelled
from harness.records import Estimate, Reviewed, Verdict, VerdictKind
from harness.review.filling import Plan
from harness.review.ledger import (
    Ledger,
    Mode,
    Subject,
    batch_of,
    further_items,
    read_ledger,
    subject_of,
    to_the_end,
)
from harness.review.progress import progress_of
from harness.statistics.arrays import FloatArray
from harness.statistics.draws import Draw, Question
from harness.statistics.labelled import labelled_mean
from harness.store import RunInfo, Store
from harness.store.review_records import Batch

DECIDED, SUPERSEDED = "decided", "superseded"
_LABEL_S = 15.0
"""What a label takes before the first tells."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What labels and judge have come to.

    Attributes:
        checks: one for each question.
        ledger: the draws and labels that they rest on.
    """

    checks: tuple[LabelledCheck, ...]
    ledger: Ledger

    @property
    def verdict(self) -> VerdictKind:
        """Red where one is, passed where all are."""
        return worst(each.check.verdict for each in self.checks)

    @property
    def labels_needed(self) -> int | None:
        """About how many more labels would decide it; None where it is decided or nothing tells."""
        wanted = [each.labels_needed for each in self.checks if each.check.verdict is VerdictKind.INCONCLUSIVE]
        known = [count for count in wanted if count is not None]
        is_open = self.verdict is VerdictKind.INCONCLUSIVE
        return max(known) if is_open and len(known) == len(wanted) else None


def questions_of(
    threshold: float | None, margin: float, level: float, red_level: float, *, is_compared: bool
) -> tuple[Question, ...]:
    """What labels are to decide: whether the candidate's mean is as required, and no worse than the baseline's."""
    asked = []
    if threshold is not None:
        asked.append(Question("rate", threshold, margin, level, red_level))
    if is_compared:
        asked.append(Question("difference", 0.0, margin, level, red_level))
    return tuple(asked)


def fill(store: Store, run: RunInfo, subject: Subject, questions: Sequence[Question], mode: Mode) -> Batch:
    """The batch of what is reviewed: the one that there is, from now on decided by this run, or a new one.

    Those of other answers to the same evaluation, or of another rubric, are closed, so that nobody labels what no gate
    decides any more. What was closed so is open again when its answers come back.
    """
    plan = subject.plan
    source = {
        "key": subject.key,
        "mode": mode,
        "questions": [asdict(each) for each in questions],
        "roles": list(plan.roles),
        "cases": len(subject.cases),
        "left_out": dict(subject.left_out),
    }
    known = batch_of(store, subject.key)
    for other in store.review.batches():
        is_same = (other.evaluation_id, other.metric) == (plan.evaluation_id, plan.metric)
        if is_same and other.closed is None and other.source.get("key", subject.key) != subject.key:
            store.review.set_closed(other.id, time.time(), f"{SUPERSEDED} by run {run.run_id}")
    if known is not None:
        store.review.set_source(known.id, run.run_id, source)
        if (known.closed_reason or "").startswith(SUPERSEDED):
            store.review.set_closed(known.id, None)
        return store.review.batch(known.id)
    batch = Batch(
        id=secrets.token_hex(4),
        created=time.time(),
        evaluation_id=plan.evaluation_id,
        form=plan.form,
        metric=plan.metric,
        run_id=run.run_id,
        source=source,
    )
    store.review.add_batch(batch, [])
    return batch


def outlook(store: Store, batch: Batch, subject: Subject, questions: Sequence[Question]) -> Outlook:
    """What the labels that are in have come to, with the judge."""
    ledger = to_the_end(subject, read_ledger(store, batch, len(subject.items.scores)), questions)
    means = {question.of: subject.items.judged_means(question.of) for question in questions}
    checks = [decide_labelled(each, ledger.draws, ledger.labels, means[each.of]) for each in questions]
    return Outlook(tuple(checks), ledger)


def settle(store: Store, batch: Batch, subject: Subject, questions: Sequence[Question]) -> Outlook:
    """Close a batch that is decided, open it again where labels were taken back, and else draw what is missing.

    A batch that somebody closed stays closed.
    """
    found = outlook(store, batch, subject, questions)
    is_ours = (batch.closed_reason or "").startswith(DECIDED)
    if found.verdict is not VerdictKind.INCONCLUSIVE:
        if batch.closed is None:
            store.review.set_closed(batch.id, time.time(), f"{DECIDED}: {found.verdict}")
        return found
    if batch.closed is not None and is_ours:
        store.review.set_closed(batch.id, None)
    if batch.closed is None or is_ours:
        items = further_items(subject, found.ledger, questions, batch.id)
        if items and store.review.extend(batch.id, items):
            ledger = replace(
                found.ledger, n_items=found.ledger.n_items + len(items), n_open=found.ledger.n_open + len(items)
            )
            return replace(found, ledger=ledger)
    return found


class Attendant:
    """Looks after batches of the gate while labels come in; remembers what a run's answers are.

    Calls are not thread-safe.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subjects: dict[tuple[str, str | None, str], Subject] = {}

    def attend(self, batch_id: str) -> Outlook | None:
        """Decide a batch again, and close it or draw more; None for one that no gate decides.

        Raises:
            SettingsError, ReviewError: it is gone, or its answers are no longer stored.
        """
        batch = self._store.review.batch(batch_id)
        subject = self._subject(batch)
        return None if subject is None else settle(self._store, batch, subject, _questions(batch))

    def outlook(self, batch_id: str) -> Outlook | None:
        """The same without a change."""
        batch = self._store.review.batch(batch_id)
        subject = self._subject(batch)
        return None if subject is None else outlook(self._store, batch, subject, _questions(batch))

    def _subject(self, batch: Batch) -> Subject | None:
        if "key" not in batch.source:
            return None
        mode = batch.source["mode"]
        place = (batch.id, batch.run_id, mode)
        if place not in self._subjects:
            run = next((run for run in self._store.runs() if run.run_id == batch.run_id), None)
            if run is None:
                return None
            self._subjects[place] = subject_of(self._store, run, plan_of(batch), mode)
        return self._subjects[place]


def attend(store: Store, batch_id: str) -> Outlook | None:
    """Decide a batch again by the labels that are in, and close it or draw more items; see `Attendant`."""
    return Attendant(store).attend(batch_id)


def plan_of(batch: Batch) -> Plan:
    """The plan by which a gate drew a batch."""
    return Plan(batch.evaluation_id, batch.metric, batch.form, roles=tuple(batch.source["roles"]))


def _questions(batch: Batch) -> tuple[Question, ...]:
    return tuple(Question(**each) for each in batch.source["questions"])


def with_labels(store: Store, batch: Batch, subject: Subject, found: Outlook, judged: Verdict) -> Verdict:
    """The verdict of labels and judge in place of that of the judge.

    Args:
        judged: by the judge's scores alone.
    """
    kind = found.verdict
    given = [each for each in found.checks if each.check.verdict is kind]
    if kind is VerdictKind.INCONCLUSIVE:
        given = [max(given, key=lambda each: each.labels_needed or float("inf"))]
    reason = "; ".join(each.check.reason for each in given)
    differences = {each.check.against: each.check.difference for each in found.checks}
    candidate, baseline = _estimates(subject, found, judged)
    return replace(
        judged,
        verdict=kind,
        reason=reason + _notes(subject, found),
        candidate=candidate,
        baseline=baseline,
        difference=differences.get("baseline", differences.get("threshold")),
        samples_needed=None,
        labels_needed=found.labels_needed,
        checks=tuple(each.check for each in found.checks),
        review=_reviewed(store, batch, found),
    )


def _notes(subject: Subject, found: Outlook) -> str:
    """What holds labels back, and what nobody can be asked about."""
    notes = ""
    if found.verdict is VerdictKind.INCONCLUSIVE and found.ledger.n_stuck:
        notes += f"; {found.ledger.n_stuck:,} disputed or flagged: labels given after one count once it is adjudicated"
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in subject.left_out.items())
    return notes + (f"; not asked about: {left_out}" if left_out else "")


def _reviewed(store: Store, batch: Batch, found: Outlook) -> Reviewed:
    counts = store.review.counts(batch.id, time.time())
    pace = progress_of(batch, counts).seconds_per_label
    is_open = found.verdict is VerdictKind.INCONCLUSIVE
    n_waiting = found.ledger.n_open if is_open else 0
    return Reviewed(
        batch=batch.id,
        mode=batch.source["mode"],
        n_labels=sum(marks.get("label", 0) for marks in counts.reviewers.values()),
        n_errors=max((each.n_errors for each in found.checks), default=0),
        n_waiting=n_waiting,
        wait_s=n_waiting * (_LABEL_S if pace is None else pace),
    )


def _estimates(subject: Subject, found: Outlook, judged: Verdict) -> tuple[Estimate | None, Estimate | None]:
    """Candidate and baseline by labels and judge, where two labels or more are in; else as the judge scored them.

    Where the difference alone is asked for, cases to which both said the same are never drawn, so that labels tell
    nothing of either by itself.
    """
    checks = [each for each in found.checks if each.check.against == "threshold"]
    if not checks or checks[0].n_labels < 2:
        return judged.candidate, judged.baseline
    draws, labels = found.ledger.draws, found.ledger.labels
    mine = checks[0].estimate
    own = Estimate(mine.value, mine.standard_error, mine.low, mine.high, mine.method)
    if len(subject.items.scores) == 1:
        return own, judged.baseline
    rate, difference = subject.items.judged_means("rate"), subject.items.judged_means("difference")
    other = labelled_mean([_turned(draw) for draw in draws], _reversed(labels), "rate", rate - difference)
    return own, Estimate(other.value, other.standard_error, other.low, other.high, other.method)


def _turned(draw: Draw) -> Draw:
    """A draw with the baseline in the candidate's place."""
    return replace(
        draw,
        samples=draw.samples[::-1],
        judged=draw.judged[::-1],
        predicted=draw.predicted[::-1],
        expected=draw.expected[::-1],
        passed=tuple(each[::-1] for each in draw.passed),
    )


def _reversed(labels: FloatArray) -> FloatArray:
    turned: FloatArray = np.ascontiguousarray(labels[:, ::-1])
    return turned
