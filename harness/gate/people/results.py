"""The verdict that labels and judge come to, as a report tells it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.decisions.labels.exclusions import DrawLabels, bounded_mean
from harness.decisions.labels.labelled import in_labels
from harness.errors import shortened
from harness.gate.people.batches import LabelEvidence
from harness.records import Estimate, Report, ReviewSummary, Verdict, VerdictKind
from harness.records.review import DECIDED, SETTLED, Batch
from harness.review.batches.draws import JudgedCases
from harness.statistics.labels.draws import NO_STAKES, Draw, widest
from harness.store import Store
from harness.store.review.counts import BatchProgress

_LABEL_S = 15.0
"""Seconds that a label is assumed to take, until the first one tells."""
_EVENTS = frozenset({"label", "adjudicate", "exclude", "undo"})


def with_labels(store: Store, batch: Batch, subject: JudgedCases, found: LabelEvidence, judged: Verdict) -> Verdict:
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
    order = _order(store, batch) if kind is VerdictKind.INCONCLUSIVE else None
    reason = _with_notes(reason, subject, given[0].n_labels, order)
    return replace(
        judged,
        lost=None,
        verdict=kind,
        reason=reason,
        candidate=candidate,
        baseline=baseline,
        difference=differences.get("baseline", differences.get("threshold")),
        samples_needed=None,
        labels_needed=found.labels_needed,
        checks=tuple(each.check for each in found.checks),
        review=_reviewed(store, batch, found),
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """The state of a batch whose labels count in the order of its items, up to the first that has none.

    Attributes:
        n_done: items with a label; `n_behind` of them come after the first that has none.
        first: how that one stands; `number` counts from 1, and `case_id` is its case. None where every item has its
            label.
        skippers: who skipped it.
    """

    n_done: int
    n_behind: int
    number: int
    case_id: str
    first: str | None
    skippers: tuple[str, ...]

    @property
    def is_stuck(self) -> bool:
        """True where somebody has to adjudicate the first."""
        return self.first in ("disputed", "flagged")

    def __str__(self) -> str:
        """The first in words."""
        item = f"item {self.number:,} (case {shortened(self.case_id)}"
        if self.is_stuck:
            return f"{item}, {self.first})"
        return f"{item})" + (f", which {_named(self.skippers)} skipped" if self.skippers else "")


def _named(reviewers: Sequence[str]) -> str:
    """Some of the reviewers, by name.

    >>> _named(["ann", "bob", "eve"])
    'ann and 2 others'
    """
    if len(reviewers) > 2:
        return f"{reviewers[0]} and {len(reviewers) - 1:,} others"
    return " and ".join(reviewers)


def held_back(store: Store, batch: Batch) -> str | None:
    """The labels of a gate's batch that are in and do not count yet, with what they wait for; None where all count."""
    order = _order(store, batch)
    return _waiting(order) if order.n_behind else None


def _waiting(order: _Order) -> str:
    told = "label is in and waits" if order.n_behind == 1 else "labels are in and wait"
    return f"{order.n_behind:,} more {told} for {_awaited(order)}"


def _order(store: Store, batch: Batch) -> _Order:
    items, standings = store.review.items_and_standings(batch.id)
    states = [standings[item.id].state for item in items]
    number = next((at for at, state in enumerate(states) if state not in SETTLED), len(states))
    return _Order(
        n_done=states.count("done"),
        n_behind=states[number:].count("done"),
        number=number + 1,
        case_id=items[number].case_id if number < len(items) else "",
        first=states[number] if number < len(states) else None,
        skippers=tuple(store.review.skipped(batch.id).get(items[number].id, ())) if number < len(items) else (),
    )


def _with_notes(reason: str, subject: JudgedCases, n_counted: int, order: _Order | None) -> str:
    """The reason, with what holds labels back, and what nobody can be asked about."""
    if order is not None and order.n_done and not n_counted:
        one = order.n_done == 1
        reason = f"{in_labels(order.n_done)} {'is in and waits' if one else 'are in and wait'} for {_awaited(order)}"
    elif order is not None and order.n_behind:
        reason += f"; {_waiting(order)}"
    elif order is not None and order.is_stuck:
        reason += f"; labels given after {order} count once it is adjudicated"
    left_out = ", ".join(f"{count:,} {why}" for why, count in subject.left_out.items())
    return reason + (f"; not asked about: {left_out}" if left_out else "")


def _awaited(order: _Order) -> str:
    """Say what labels that do not count yet wait for."""
    comma = "," if order.skippers and not order.is_stuck else ""
    return f"{order}{comma} to be {'adjudicated' if order.is_stuck else 'labelled'}"


def _reviewed(store: Store, batch: Batch, found: LabelEvidence) -> ReviewSummary:
    progress = store.review.progress(batch.id, time.time())
    summary = ReviewSummary(
        batch=batch.id,
        mode=batch.source["mode"],
        n_labels=progress.labels,
        n_errors=max((each.n_errors for each in found.checks), default=0),
        n_waiting=0,
        wait_s=0.0,
        n_events=_n_events(store, batch.id),
        n_excluded=progress.n_excluded,
    )
    return _queued(summary, progress) if found.verdict is VerdictKind.INCONCLUSIVE else summary


def _queued(summary: ReviewSummary, progress: BatchProgress) -> ReviewSummary:
    """The summary with what waits in a batch that its labels have not decided, or why it is closed."""
    if progress.closed is not None:
        return replace(summary, n_waiting=0, wait_s=0.0, n_stuck=0, closed=progress.closed_reason or "closed")
    pace_s = _LABEL_S if progress.seconds_per_label is None else progress.seconds_per_label
    n_stuck = progress.n_disputed + progress.n_flagged
    return replace(summary, n_waiting=progress.n_open, wait_s=progress.n_open * pace_s, n_stuck=n_stuck, closed=None)


def as_queued_now(store: Store, report: Report) -> Report:
    """A stored report with what waits for people now, in place of what did when it was decided."""
    known = {batch.id: batch for batch in store.review.batches()}
    return replace(report, evaluations=tuple(_queued_now(store, each, known) for each in report.evaluations))


def _queued_now(store: Store, verdict: Verdict, known: Mapping[str, Batch]) -> Verdict:
    if verdict.review is None or verdict.verdict is not VerdictKind.INCONCLUSIVE:
        return verdict
    nothing = replace(verdict.review, n_waiting=0, wait_s=0.0, n_stuck=0, closed=None)
    batch = known.get(verdict.review.batch)
    if batch is None or (batch.closed_reason or "").startswith(DECIDED):
        return replace(verdict, review=nothing)
    return replace(verdict, review=_queued(nothing, store.review.progress(batch.id, time.time())))


def n_events_since(store: Store, report: Report) -> int:
    """Count the labels of a stored report's batches that were given, settled or taken back after it was decided."""
    decided = {entry.review.batch: entry.review.n_events for entry in report.evaluations if entry.review is not None}
    return sum(max(0, _n_events(store, batch) - n) for batch, n in decided.items() if n is not None)


def _n_events(store: Store, batch_id: str) -> int:
    """The events that may change what labels come to; they are never removed."""
    return sum(event.kind in _EVENTS for event in store.review.events(batch_id=batch_id))


def _estimates(subject: JudgedCases, found: LabelEvidence, judged: Verdict) -> tuple[Estimate | None, Estimate | None]:
    """Candidate and baseline by labels and judge, where two labels or more are in; else as the judge scored them.

    Where the difference alone is asked for, cases to which both said the same are never drawn, so that labels tell
    nothing of either by itself.
    """
    checks = [each for each in found.checks if each.check.against == "threshold"]
    if not checks or checks[0].n_labels < 2:
        return judged.candidate, judged.baseline
    ledger = found.ledger
    mine = checks[0].estimate
    own = Estimate(mine.value, mine.standard_error, mine.low, mine.high, mine.method)
    if len(subject.items.scores) == 1:
        return own, judged.baseline
    rate, difference = subject.items.judged_means("rate"), subject.items.judged_means("difference")
    said = DrawLabels.of(ledger.draws, ledger.labels, ledger.excluded).turned([_turned(draw) for draw in ledger.draws])
    other = bounded_mean(said, "rate", rate - difference, 0.95)
    return own, Estimate(other.value, other.standard_error, other.low, other.high, other.method)


def _turned(draw: Draw) -> Draw:
    """A draw with the baseline in the candidate's place, of whose mean nothing was asked."""
    return replace(
        draw,
        ranges=widest(draw.floor),
        stakes=NO_STAKES,
        samples=draw.samples[::-1],
        judged=draw.judged[::-1],
        predicted=draw.predicted[::-1],
        expected=draw.expected[::-1],
        passed=tuple(each[::-1] for each in draw.passed),
    )
