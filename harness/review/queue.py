"""`Queue`: the review queue as an application and the gate use it."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from harness.errors import LabelError, ReviewError, SettingsError
from harness.records.review import (
    DECIDED,
    FINAL_STATES,
    Batch,
    Event,
    EventKind,
    Form,
    Item,
    Reviewer,
    ReviewerRole,
    Task,
    Value,
)
from harness.review.agreement import AgreementReport, agreement_of
from harness.review.batches.population import ReviewPlan, populations
from harness.store import Store
from harness.store.location import option_for
from harness.store.review.events import counting
from harness.store.review.reviewers import new_token
from harness.store.review.store import BatchProgress
from harness.store.review.turns import HeldItem, RecordedLabel, is_swapped

LEASE_S = 600.0
_LONGEST_KEY = 200
_LONGEST_NOTE = 10_000
_TENS = 10
_MOST_SHOWN, _MOST_KNOWN = 50, 5


@dataclass(frozen=True, slots=True)
class View:
    """An item under a lease, which expires in epoch seconds, as its reviewer sees it: without version, run, score of
    the judge, drawing or label of somebody else, of two answers the left one first.
    """

    lease_id: str
    task: Task
    expires: float
    form: Form
    evaluation_id: str
    item: Item

    @classmethod
    def of(cls, held: HeldItem) -> View:
        """The item under a lease, as its holder may see it."""
        lease, batch = held.lease, held.batch
        item = held.item.redacted(swapped=lease.swapped)
        return cls(lease.id, lease.task, lease.expires, batch.form, batch.evaluation_id, item)


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The result of an undo; `view` is the item again, or None where it is no longer free."""

    done: RecordedLabel
    view: View | None


@dataclass(frozen=True, slots=True)
class OwnLabel:
    """The label, flag or exclusion of a reviewer, with what it is of as the reviewer saw it."""

    event: Event
    form: Form
    item: Item


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item to practise on: `value` is the label that counts, for the sides of `view`, and `note` says why."""

    view: View
    value: Value
    note: str


@dataclass(frozen=True, slots=True)
class BatchOrigin:
    """The origin of a batch, which tells those of one evaluation apart; nothing for reviewers. It has no run where it
    is from a file, and no candidate where its run is not stored.
    """

    created: float
    run_id: str | None
    candidate: str | None

    def __str__(self) -> str:
        date = f"{datetime.fromtimestamp(self.created):%Y-%m-%d %H:%M}"
        run = "from a file" if self.run_id is None else f"run {self.run_id}"
        return f"{date}, {run}" + ("" if self.candidate is None else f", {self.candidate}")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What lies ahead of a batch that a gate decides, as it was last looked at.

    Attributes:
        needed: about how many more labels decide it; None where it is decided or nothing tells.
        most_items: as many items as it may come to have.
        enough: about how many labels decide it, as was first foretold, and is counted down from: a forecast that moved
            after a label would tell what the judge had said. None until something tells.
        problem: why labels can't pass it; empty where they can.
    """

    needed: int | None
    most_items: int
    enough: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Remaining:
    """The labels of all open batches that are in, and those that may still be wanted, which never become more.

    Attributes:
        at_most: whether a gate draws what is left, and may be decided before.
        forecast: about how many decide them, in tens, rounded up; None where nothing tells.
    """

    done: int
    left: int
    at_most: bool = False
    forecast: int | None = None
    problems: tuple[str, ...] = ()


class Queue:
    """Hands out items and takes labels; see the package for what it promises.

    Args:
        store: where the queue is kept, open for writing.
        lease_s: how long a reviewer may take over an item before somebody else gets it, in seconds.
        clock: gives the time in epoch seconds.
    """

    def __init__(self, store: Store, *, lease_s: float = LEASE_S, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._review = store.review
        self._lease_s = lease_s
        self._clock = clock
        self._drawn_from: dict[str, frozenset[tuple[str, ...]]] = {}

    def next(self, reviewer: str, *, task: Task = "label", holding: Collection[str] = ()) -> View | None:
        """Lease the reviewer's next item; None where nothing is left for this reviewer.

        An item that the reviewer holds already comes again, with a new expiry, unless `holding` names its lease.

        Args:
            task: "label", or "adjudicate" for items whose labels differ and flagged ones.
            holding: leases that the reviewer has before the eyes; naming them gives the item after those.

        Raises:
            ReviewerError: no such reviewer, or one who may not do that.
        """
        held = self._review.next(self._clock, reviewer, task, self._lease_s, frozenset(map(sendable, holding)))
        return None if held is None else View.of(held)

    def renew(self, reviewer: str, lease_id: str) -> View:
        """Give the item again, with a new expiry; after it ran out only while nobody else has it. Raises LeaseError."""
        return View.of(self._review.renew(self._clock, reviewer, sendable(lease_id), lease_s=self._lease_s))

    def label(
        self,
        reviewer: str,
        lease_id: str,
        value: Any,
        *,
        key: str,
        note: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> RecordedLabel:
        """Store a label.

        Args:
            value: one of the form's: a whole number, or "left", "tie", "right", "bad".
            details: `answers` to the form's other questions, and `marks`: see `Form.read_details`.

        Raises:
            LabelError, LeaseError, LeaseExpiredError, LeaseEndedError, RepeatedKeyError, ReviewerError: and nothing is
                stored.
        """
        return self.record(_submitted("label", reviewer, lease_id, key, note, value=value, details=details or {}))

    def adjudicate(self, reviewer: str, lease_id: str, value: Any, *, key: str, note: str = "") -> RecordedLabel:
        """Store the label that counts for an item taken with `task="adjudicate"`. Raises as `label`."""
        return self.record(_submitted("adjudicate", reviewer, lease_id, key, note, value=value))

    def skip(self, reviewer: str, lease_id: str, *, key: str, note: str = "") -> RecordedLabel:
        """Leave an item to others; to this reviewer once more, when nothing else is left. Raises as `label`."""
        return self.record(_submitted("skip", reviewer, lease_id, key, note))

    def flag(self, reviewer: str, lease_id: str, *, key: str, note: str = "") -> RecordedLabel:
        """Take an item out of the queue until somebody adjudicates it. Raises as `label`."""
        return self.record(_submitted("flag", reviewer, lease_id, key, note))

    def exclude(self, reviewer: str, lease_id: str, reason: str, *, key: str) -> RecordedLabel:
        """Leave out an item taken with `task="adjudicate"`: nothing right can be said of it. An undo brings it back.

        It counts for neither side: see `harness.decisions.labels`. Raises as `label`.
        """
        return self.record(_submitted("exclude", reviewer, lease_id, key, reason))

    def record(self, submitted: Event) -> RecordedLabel:
        """Store an event under its lease, which says what item it is of. Raises as `label`."""
        _check_key(submitted.key)
        if len(submitted.note) > _LONGEST_NOTE:
            raise ReviewError(f"The note has {len(submitted.note):,} characters; the most are {_LONGEST_NOTE:,}.")
        details = dict(submitted.details)
        details["marks"] = [(place, sendable(text)) for place, text in details.get("marks") or ()]
        submitted = replace(submitted, note=sendable(submitted.note.strip()), details=details)
        submitted = replace(submitted, lease_id=sendable(submitted.lease_id or ""))
        if submitted.kind == "exclude" and not submitted.note:
            raise LabelError("An item is excluded for a reason: write what is broken about it. Nothing was stored.")
        return self._review.record(self._clock, submitted)

    def undo(self, reviewer: str, *, key: str) -> UndoResult:
        """Take back what the reviewer said last, and lease its item anew if it is free. Raises NothingToUndoError."""
        _check_key(key)
        recorded, held = self._review.undo(self._clock, reviewer, key, lease_s=self._lease_s)
        return UndoResult(recorded, None if held is None else View.of(held))

    def own(self, reviewer: str) -> list[OwnLabel]:
        """List what a reviewer said last and may change, the newest first: of open batches, and of decided ones."""
        batches, labels = {each.id: each for each in self.batches()}, []
        for event in self._review.own(reviewer, _MOST_SHOWN):
            item = self._review.item(event.item_id)
            labels.append(OwnLabel(event, batches[item.batch_id].form, item.redacted(swapped=event.swapped)))
        return labels

    def revise(self, reviewer: str, number: int) -> tuple[Event, View]:
        """Lease the item of a reviewer's event again; a NothingToUndoError where it is none of `own`.

        The event counts until something else is said under the lease.
        """
        event, held = self._review.revise(self._clock, reviewer, number, self._lease_s)
        return event, View.of(held)

    def practice(self, reviewer: str) -> list[KnownItem]:
        """List items with known labels for a reviewer who has not labelled by a form that labels are wanted by.

        Known are adjudicated labels, and those that several reviewers agree in, of batches that want no more and were
        filled by the same form: earlier ones, or cases of a file. No answer of an open batch is among them, nor one
        that a gate may still draw.
        """
        batches = self.batches()
        wanted = {batch_id for batch_id, count in self._review.counts("label").items() if count.left}
        own = self._review.labelled_batches(reviewer)
        asked = {_asks(each.form) for each in batches if each.id in wanted}
        asked -= {_asks(each.form) for each in batches if each.id in own}
        drawing = [each for each in batches if each.closed is None and "key" in each.source]
        done = [each for each in batches if each.id not in wanted and each not in drawing]
        sources = [each for each in done if _asks(each.form) in asked]
        if not sources:
            return []
        secret = {_texts(item) for batch_id in wanted for item in self._review.items(batch_id)}
        secret = secret.union(*map(self._drawable, drawing))
        known: dict[Any, list[KnownItem]] = {}
        for batch in sources:
            of_form = known.setdefault(_asks(batch.form), [])
            of_form += (each for each in self._known(batch, reviewer) if _texts(each.view.item) not in secret)
        return [each for of_form in known.values() for each in of_form[:_MOST_KNOWN]]

    def _drawable(self, batch: Batch) -> frozenset[tuple[str, ...]]:
        """What a gate may draw into a batch; where its run is gone, that is nothing."""
        key = batch.source["key"]
        runs = [] if key in self._drawn_from else self._store.runs()
        for run in (each for each in runs if each.run_id == batch.run_id):
            plan = ReviewPlan(batch.evaluation_id, batch.metric, batch.form, tuple(batch.source["roles"]))
            with suppress(SettingsError):  # pruned in part: then it draws no more
                drawable = populations(self._store, run, plan)
                self._drawn_from[key] = frozenset(_texts(item) for each in drawable for item in each.items.values())
        return self._drawn_from.get(key, frozenset())

    def _known(self, batch: Batch, reviewer: str) -> Iterator[KnownItem]:
        items, standings = self._review.items_and_standings(batch.id)
        events = counting(self._review.events(batch_id=batch.id))
        notes = {event.item_id: event.note for event in events if event.kind == "adjudicate"}
        for item in items:
            standing, swapped = standings[item.id], is_swapped(item.id, reviewer)
            if standing.value is not None and (item.id in notes or standing.n_labels > 1):
                redacted = item.redacted(swapped=swapped)
                view = View("", "label", 0.0, batch.form, batch.evaluation_id, redacted)
                yield KnownItem(view, batch.form.shown(standing.value, swapped=swapped), notes.get(item.id, ""))

    def reveal(self, item_id: str) -> Item:
        """The item with all that is known of it, for those who look after the queue.

        A ReviewError where labels are still wanted, so that it stays blind.
        """
        standing = self._review.standing(item_id)
        if standing.state not in FINAL_STATES:
            raise ReviewError(f"Item {item_id} is {standing.state}: what is known of it is shown once it is settled.")
        return self._review.item(item_id)

    def excluded(self, batch_id: str) -> list[tuple[Item, Event]]:
        """The items of a batch that were excluded, in their order, with the events that say by whom and why."""
        events = counting(self._review.events(batch_id=batch_id))
        excluded = {event.item_id: event for event in events if event.kind == "exclude"}
        return [(item, excluded[item.id]) for item in self._review.items(batch_id) if item.id in excluded]

    def batches(self) -> list[Batch]:
        """All batches, the oldest first."""
        return self._review.batches()

    def close(self, batch_id: str, reason: str) -> None:
        """Stop offering the items of a batch; who has one before the eyes may still label it."""
        self._review.set_closed(batch_id, self._clock(), reason)

    def reopen(self, batch_id: str) -> None:
        """Offer the items of a batch again."""
        self._review.set_closed(batch_id, None)

    def progress(self, batch_id: str | None = None) -> list[BatchProgress]:
        """Tell how far a batch is, or each of them, the oldest first."""
        wanted = self.batches() if batch_id is None else [self._review.batch(batch_id)]
        return [self._review.progress(batch.id, self._clock()) for batch in wanted]

    def count(self, task: Task, outlooks: Mapping[str, Outlook] | None = None) -> Remaining:
        """Count what is done and left in the open batches: labels, or items in dispute.

        What is left of a batch that a gate draws as labels come in is as much as it may still draw.
        """
        counts = self._review.counts(task)
        ahead = {each: outlook for each in counts if (outlook := (outlooks or {}).get(each)) is not None}
        if task == "adjudicate":
            ahead = {}
        undrawn = sum(max(0, outlook.most_items - counts[each].n_items) for each, outlook in ahead.items())
        enough = [outlook.enough - counts[each].done for each, outlook in ahead.items() if outlook.enough is not None]
        return Remaining(
            done=sum(each.done for each in counts.values()),
            left=sum(each.left for each in counts.values()) + undrawn,
            at_most=bool(undrawn),
            forecast=math.ceil(sum(max(0, each) for each in enough) / _TENS) * _TENS or None,
            problems=tuple(outlook.problem for outlook in ahead.values() if outlook.problem),
        )

    def origins(self) -> dict[str, BatchOrigin]:
        """Tell where each batch comes from, by its id."""
        candidates = {run.run_id: (run.spec.get("candidate") or {}).get("name") for run in self._store.runs()}
        return {
            each.id: BatchOrigin(each.created, each.run_id, candidates.get(each.run_id or ""))
            for each in self.batches()
        }

    def verdict_command(self, batch: Batch) -> str:
        """The command that writes a decided batch's run's report, and gives its exit code; "" where there is none."""
        is_decided = (batch.closed_reason or "").startswith(DECIDED) and batch.run_id is not None
        return f"steelyard gate --resume {batch.run_id}{option_for(self._store.url)}" if is_decided else ""

    def agreement(self, batch_id: str, *, confidence_level: float = 0.95) -> AgreementReport:
        """Measure how far the reviewers of a batch agree with each other, and the judge with them."""
        batch = self._review.batch(batch_id)
        items, standings = self._review.items_and_standings(batch_id)
        events = self._review.events(batch_id=batch_id)
        return agreement_of(batch_id, batch.form, items, events, standings, confidence_level)

    def add_reviewer(self, name: str, role: ReviewerRole = "annotator") -> str:
        """Add a reviewer, and give the token to sign in with, which nobody can look up later.

        Raises:
            ReviewerError: a name that is taken or is none, or no such role.
        """
        token = new_token()
        self._review.add_reviewer(Reviewer(name, role, self._clock()), token)
        return token

    def new_token(self, name: str) -> str:
        """A new token for a reviewer, also for one who was disabled; the old one, and its sessions, stop working."""
        token = new_token()
        self._review.set_token(name, token)
        return token

    def disable(self, name: str) -> None:
        """Let a reviewer do nothing any more: token, sessions and leases end. What the reviewer did stays."""
        self._review.disable(name, self._clock())

    def free(self, name: str) -> None:
        """Let others have what a reviewer holds, who may still label it while nobody else has it."""
        self._review.free(name, self._clock())

    def reviewers(self) -> list[Reviewer]:
        """All reviewers, by name."""
        return self._review.reviewers()

    def sign_in(self, token: str) -> Reviewer | None:
        """The reviewer of a token; None where it is nobody's, or the reviewer is disabled."""
        admitted = self._review.admitted_by(token)
        return None if admitted is None else admitted.reviewer


def _submitted(kind: EventKind, reviewer: str, lease_id: str, key: str, note: str, **label: Any) -> Event:
    return Event(0, kind, "", reviewer, 0.0, key, note=note, lease_id=lease_id, **label)


def _asks(form: Form) -> tuple[Any, ...]:
    """Return what two forms share that ask for the same labels."""
    return form.kind, form.title, form.choices, form.rubric


def _texts(item: Item) -> tuple[str, ...]:
    """What the answers to a case have in common with the same ones elsewhere, kept short."""
    texts = sorted(answer.text for answer in item.answers)
    return item.case_id, *(hashlib.sha256(each.encode("utf-8", "surrogatepass")).hexdigest() for each in texts)


def sendable(text: str) -> str:
    """The text with a question mark for each lone surrogate, which a model can write, and UTF-8 can't."""
    return text.encode("utf-8", "replace").decode()


def _check_key(key: str) -> None:
    if not key or len(key) > _LONGEST_KEY or key != sendable(key):
        raise ReviewError(f"A key has 1 to {_LONGEST_KEY} characters, made by the client anew for each press.")
