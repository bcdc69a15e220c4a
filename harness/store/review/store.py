"""`ReviewStore`: the review queue as the store keeps it, one short transaction for each call.

All that changes the queue takes its turn: on SQLite by the write lock that a transaction holds from its start, on
Postgres by an advisory lock, within a process by a lock that is handed on without naps. So what a call has read is
still true when it writes, no item is given twice, and a call that dies half-way leaves nothing. The clock is read when
the turn begins: a lease may run out while its label waits for a turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, text

from harness.records import Request
from harness.records.review import Batch, Event, Item, Reviewer, Standing
from harness.store.database import Database
from harness.store.review import counts as review_counts
from harness.store.review import events as review_events
from harness.store.review import gate as review_gate
from harness.store.review import items as review_items
from harness.store.review import leases as review_leases
from harness.store.review import merging as review_merging
from harness.store.review import reviewers as review_reviewers
from harness.store.review import turns as review_turns
from harness.store.review.counts import Counts, LabelsLeft
from harness.store.review.leases import Wish
from harness.store.review.reviewers import AdmittedReviewer
from harness.store.review.turns import HeldItem, RecordedLabel, SubmittedLabel
from harness.store.schema import codec
from harness.store.schema.tables import APART, requests

_QUEUE_LOCK = 0x5734E2
_SINCE_VERSION = 3

Clock = Callable[[], float]
"""Gives the time in epoch seconds."""


class ReviewStore:
    """Items, leases, events and reviewers of one store. Calls may come from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._turn, self._database.write() as connection:
            if not self._database.is_sqlite:
                # Compiling the search for the next item takes Postgres a hundred times as long as the search.
                lock = f"SELECT set_config('jit', 'off', true), pg_advisory_xact_lock({_QUEUE_LOCK})"
                connection.execute(text(lock))
            yield connection

    @property
    def _is_there(self) -> bool:
        """True where the store has a queue; one of an older schema that is open for reading has none."""
        return self._database.schema_version >= _SINCE_VERSION

    def add_batch(self, batch: Batch, added: Sequence[Item]) -> None:
        """Add a batch and its items, all or none."""
        with self._write() as connection:
            review_items.add_batch(connection, batch, added)

    def asked(self, fingerprint: str) -> dict[bytes, Request]:
        """All that a version was asked, by the key of the samples, but what a merge keeps apart."""
        query = select(requests.c.key, requests.c.request).where(requests.c.fingerprint == fingerprint)
        with self._database.read() as connection:
            rows = connection.execute(query.where(requests.c.generation != APART))
            return {key: codec.stored_request(text) for key, text in rows}

    def add_items(self, batch_id: str, added: Sequence[Item]) -> list[Item]:
        """Add items to a batch, but for those whose position is taken, so that doing it again changes nothing."""
        with self._write() as connection:
            return review_items.add_items(connection, batch_id, added)

    def extend(self, batch_id: str, added: Sequence[Item]) -> bool:
        """Add items after the last of a batch, all or none; False where somebody else has added some meanwhile."""
        with self._write() as connection:
            return review_gate.extend(connection, batch_id, added)

    def set_source(self, batch_id: str, run_id: str, source: Mapping[str, Any]) -> None:
        """Let a batch be decided by another run of the same samples."""
        with self._write() as connection:
            review_gate.set_source(connection, batch_id, run_id, source)

    def last_event(self) -> int:
        """The number of the newest event; 0 where there is none."""
        with self._database.read() as connection:
            return review_gate.last_event(connection)

    def touched(self, since: int) -> list[str]:
        """The batches in which something happened after an event."""
        with self._database.read() as connection:
            return review_gate.touched(connection, since)

    def batches(self) -> list[Batch]:
        """All batches, the oldest first."""
        if not self._is_there:
            return []
        with self._database.read() as connection:
            return review_items.list_batches(connection)

    def batch(self, batch_id: str) -> Batch:
        """The batch of an id, or UnknownItemError."""
        with self._database.read() as connection:
            return review_items.find_batch(connection, batch_id)

    def set_closed(self, batch_id: str, closed: float | None, reason: str | None = None) -> None:
        """Stop offering a batch's items, or (None) offer them again; leases that are held may still be used."""
        with self._write() as connection:
            review_items.set_closed(connection, batch_id, closed, reason)

    def item(self, item_id: str) -> Item:
        """The item of an id, or UnknownItemError."""
        with self._database.read() as connection:
            return review_items.find_item(connection, item_id)

    def items(self, batch_id: str) -> list[Item]:
        """The items of a batch in the order in which they are offered."""
        with self._database.read() as connection:
            return review_items.items_of(connection, batch_id)

    def standings(self, batch_id: str) -> dict[str, Standing]:
        """Give the standing of each item of a batch, by its id."""
        with self._database.read() as connection:
            return review_items.standings_of(connection, batch_id)

    def standing(self, item_id: str) -> Standing:
        """Give the standing of an item."""
        with self._database.read() as connection:
            return review_items.find_standing(connection, item_id)

    def events(self, *, batch_id: str | None = None, item_id: str | None = None) -> list[Event]:
        """All events of a batch or an item, in the order in which they happened."""
        with self._database.read() as connection:
            if batch_id is not None:
                return review_events.of_batch(connection, batch_id)
            return review_events.of_item(connection, item_id or "")

    def counts(self, batch_id: str, now: float) -> Counts:
        """Count how far a batch has come."""
        with self._database.read() as connection:
            review_items.find_batch(connection, batch_id)
            return review_counts.count(connection, batch_id, now)

    def left_for(self, reviewer: str) -> LabelsLeft:
        """The labels that open batches still want, by what they are to a reviewer for whom nothing is left."""
        with self._database.read() as connection:
            return review_counts.left_for(connection, reviewer)

    def skipped(self, batch_id: str) -> dict[str, list[str]]:
        """List, by the item's id, the reviewers who skipped the open items of a batch."""
        with self._database.read() as connection:
            return review_counts.skipped(connection, batch_id)

    def held(self, batch_id: str, now: float) -> int:
        """Count the items of a batch that reviewers have before the eyes, each as often as it is."""
        with self._database.read() as connection:
            return review_leases.count_live(connection, batch_id, now)

    def next(self, wish: Wish, clock: Clock) -> HeldItem | None:
        """The reviewer's next item under a lease; None where nothing is left for this reviewer."""
        with self._write() as connection:
            return review_turns.take(connection, replace(wish, now=clock()))

    def renew(self, reviewer: str, lease_id: str, *, lease_s: float, clock: Clock) -> HeldItem:
        """Let a lease run anew; see `review_leases.renew`."""
        with self._write() as connection:
            return review_turns.renew(connection, reviewer, lease_id, lease_s=lease_s, now=clock())

    def record(self, submitted: SubmittedLabel, clock: Clock) -> RecordedLabel:
        """Store what a reviewer says of an item, and end the lease.

        Raises:
            LeaseError, LabelError, RepeatedKeyError, ReviewerError: and nothing is stored.
        """
        with self._write() as connection:
            return review_turns.record(connection, submitted, clock())

    def undo(self, reviewer: str, key: str, *, lease_s: float, clock: Clock) -> tuple[RecordedLabel, HeldItem | None]:
        """Take back the reviewer's last event that is in force, and lease its item anew where it is still free.

        Raises:
            NothingToUndoError, RepeatedKeyError, ReviewerError: and nothing is stored.
        """
        with self._write() as connection:
            return review_turns.undo(connection, reviewer, key, lease_s=lease_s, now=clock())

    def import_labels(
        self, labels: Sequence[Event], now: float, added: Sequence[tuple[Batch, Sequence[Item]]] = ()
    ) -> int:
        """Store labels from elsewhere, after new batches with their items, all or none; gives how many are new.

        A label has the same key whenever the same line of a file is read. Reviewers who are not known are added, and
        can't sign in until they get a token.
        """
        with self._write() as connection:
            for batch, items in added:
                review_items.add_batch(connection, batch, items)
            return review_turns.import_labels(connection, labels, now)

    def merge(self, other: ReviewStore) -> int:
        """Bring in what another store's queue holds; what is here stays. Gives how many labels are new."""
        if not other._is_there:
            return 0
        with other._database.read() as connection:
            parts, reviewers = review_merging.read(connection)
        with self._write() as connection:
            return review_merging.merge(connection, parts, reviewers)

    def add_reviewer(self, reviewer: Reviewer, token: str | None) -> None:
        """Add a reviewer; of the token a hash is kept."""
        with self._write() as connection:
            review_reviewers.add(connection, reviewer, token)

    def set_token(self, name: str, token: str) -> None:
        """Give a reviewer a new token, also one who was disabled."""
        with self._write() as connection:
            review_reviewers.set_token(connection, name, token)

    def disable(self, name: str, now: float) -> None:
        """Let a reviewer do nothing any more, and forget the token."""
        with self._write() as connection:
            review_reviewers.disable(connection, name, now)

    def reviewers(self) -> list[Reviewer]:
        """All reviewers, by name."""
        if not self._is_there:
            return []
        with self._database.read() as connection:
            return review_reviewers.list_all(connection)

    def admitted_by(self, token: str) -> AdmittedReviewer | None:
        """The reviewer who signs in with a token and is not disabled."""
        with self._database.read() as connection:
            return review_reviewers.by_token(connection, token)

    def admitted(self, name: str) -> AdmittedReviewer | None:
        """The reviewer of a name as the store has it now; None where there is none, or one who is disabled."""
        with self._database.read() as connection:
            return review_reviewers.admitted(connection, name)
