"""The verdict that labels and judge come to, as a report tells it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

from harness.decisions.labels import in_labels, labelled_mean
from harness.errors import shortened
from harness.gate.people.batches import GateBatch, LabelEvidence
from harness.records import Estimate, Report, ReviewSummary, Verdict, VerdictKind
from harness.records.review import DECIDED, SETTLED, Batch
from harness.review.batches.draws import JudgedCases
from harness.store import Store

_LABEL_S = 15.0
"""Seconds that a label is assumed to take, until the first one tells."""
_EVENTS = frozenset({"label", "adjudicate", "exclude", "undo"})


def with_labels(own: GateBatch, found: LabelEvidence, judged: Verdict) -> Verdict:
    """The verdict of labels and judge in place of that of the judge.

    Args:
        judged: by the judge's scores alone.
    """
    store, batch, subject, kind = own.store, own.batch, own.subject, found.verdict
    given = [each for each in found.checks if each.check.verdict is kind]
    is_open = kind is VerdictKind.INCONCLUSIVE
    if is_open:
        given = [max(given, key=lambda each: each.labels_needed or float("inf"))]
    reason = "; ".join(each.check.reason for each in given)
    if is_open:
        reason = _with_order(store, batch, reason, has_labels=given[0].n_labels > 0)
    if left_out := ", ".join(f"{count:,} {why}" for why, count in subject.left_out.items()):
        reason += f"; not asked about: {left_out}"
    differences = {each.check.against: each.check.difference for each in found.checks}
    candidate, baseline = _estimates(subject, found, judged)
    review = ReviewSummary(
        batch=batch.id,
        mode=batch.source["mode"],
        n_labels=0,
        n_errors=max((each.n_errors for each in found.checks), default=0),
        n_waiting=0,
        wait_s=0.0,
        n_events=_n_events(store, batch.id),
    )
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
        review=_queued(store, review, is_open=is_open),
    )


class _Order(NamedTuple):
    """The state of a batch whose labels count up to the first item that has none, which may be stuck:
    `n_done` items with a label, `n_behind` of them after it, and what these wait for.
    """

    n_done: int
    n_behind: int = 0
    item: str = ""
    is_stuck: bool = False
    waits: str = ""

    @property
    def behind(self) -> str:
        """The labels that do not count yet, with what they wait for."""
        labels = "label is in and waits" if self.n_behind == 1 else "labels are in and wait"
        return f"{self.n_behind:,} more {labels} {self.waits}"


def _order(store: Store, batch: Batch) -> _Order:
    items, standings = store.review.items_and_standings(batch.id)
    states = [standings[item.id].state for item in items]
    at = next((at for at, state in enumerate(states) if state not in SETTLED), None)
    if at is None:
        return _Order(states.count("done"))
    is_stuck = states[at] in ("disputed", "flagged")
    item = f"item {at + 1:,} (case {shortened(items[at].case_id)}{f', {states[at]}' if is_stuck else ''})"
    first, *others = store.review.skipped(batch.id).get(items[at].id, ()) or ("",)
    who = f"{first} and {others[0] if len(others) == 1 else f'{len(others):,} others'}" if others else first
    waits = f"for {item}, which {who} skipped, to be labelled" if who else f"for {item} to be labelled"
    waits = f"for {item} to be adjudicated" if is_stuck else waits
    return _Order(states.count("done"), states[at:].count("done"), item, is_stuck, waits)


def _with_order(store: Store, batch: Batch, reason: str, *, has_labels: bool) -> str:
    """The reason with what labels wait for that are in and do not count yet."""
    order = _order(store, batch)
    if order.n_done and not has_labels:
        return (
            f"{in_labels(order.n_done)} {'is in and waits' if order.n_done == 1 else 'are in and wait'} {order.waits}"
        )
    if order.n_behind:
        return f"{reason}; {order.behind}"
    return f"{reason}; labels given after {order.item} count once it is adjudicated" if order.is_stuck else reason


def held_back(store: Store, batch: Batch) -> str | None:
    """The labels of a gate's batch that are in and do not count yet, with what they wait for; None where all count."""
    order = _order(store, batch)
    return order.behind if order.n_behind else None


def _queued(store: Store, review: ReviewSummary, *, is_open: bool) -> ReviewSummary:
    """The summary with what waits in its batch now, or why that is closed; nothing of one that is decided."""
    progress = store.review.progress(review.batch, time.time())
    review = replace(_idle(review), n_labels=progress.labels, n_excluded=progress.n_excluded)
    if not is_open or progress.closed is not None:
        return replace(review, closed=(progress.closed_reason or "closed") if is_open else None)
    pace_s = _LABEL_S if progress.seconds_per_label is None else progress.seconds_per_label
    n_stuck = progress.n_disputed + progress.n_flagged
    return replace(review, n_waiting=progress.n_open, wait_s=progress.n_open * pace_s, n_stuck=n_stuck)


def _idle(review: ReviewSummary) -> ReviewSummary:
    """The summary of a batch in which nothing waits."""
    return replace(review, n_waiting=0, wait_s=0.0, n_stuck=0, closed=None)


def as_queued_now(store: Store, report: Report) -> Report:
    """A stored report with what waits for people now, in place of what did when it was decided."""
    open_ones = {batch.id for batch in store.review.batches() if not (batch.closed_reason or "").startswith(DECIDED)}

    def queued(verdict: Verdict) -> Verdict:
        review = verdict.review
        if review is None or verdict.verdict is not VerdictKind.INCONCLUSIVE:
            return verdict
        now = _queued(store, review, is_open=True) if review.batch in open_ones else _idle(review)
        return replace(verdict, review=replace(now, n_labels=review.n_labels, n_excluded=review.n_excluded))

    return replace(report, evaluations=tuple(map(queued, report.evaluations)))


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
    own = next((each for each in found.checks if each.check.against == "threshold"), None)
    if own is None or own.n_labels < 2:
        return judged.candidate, judged.baseline
    if len(subject.items.scores) == 1:
        return own.estimate, judged.baseline
    return own.estimate, labelled_mean(found.ledger, "baseline", subject.items.judged_means("baseline"), 0.95)
