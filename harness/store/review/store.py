"""`ReviewStore`: the review queue as the store keeps it, one short transaction for each call.

All that changes the queue takes its turn: on SQLite by the write lock that a transaction holds from its start, on
Postgres by an advisory lock, within a process by a lock that is handed on without naps. So what a call has read is
still true when it writes, no item is given twice, and a call that dies half-way leaves nothing. The clock is read when
the turn begins: a lease may run out while its label waits for a turn.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select, text

from harness.records import Request
from harness.records.review import Event
from harness.store.database import Database
from harness.store.review import counts as review_counts
from harness.store.review import events as review_events
from harness.store.review import items as review_items
from harness.store.review import leases as review_leases
from harness.store.review import merging as review_merging
from harness.store.review import reviewers as review_reviewers
from harness.store.review import turns as review_turns
from harness.store.schema import codec
from harness.store.schema.tables import requests

_QUEUE_LOCK = 0x5734E2

Clock = Callable[[], float]
"""Gives the time in epoch seconds."""


Terms = ParamSpec("Terms")
Result = TypeVar("Result")


def _reads(of: Callable[Concatenate[Connection, Terms], Result]) -> Callable[Concatenate[ReviewStore, Terms], Result]:
    """The method that calls a function with a connection to read by."""

    @functools.wraps(of)
    def method(self: ReviewStore, /, *args: Terms.args, **named: Terms.kwargs) -> Result:
        with self._database.read() as connection:
            return of(connection, *args, **named)

    return method


def _writes(of: Callable[Concatenate[Connection, Terms], Result]) -> Callable[Concatenate[ReviewStore, Terms], Result]:
    """The method that calls a function with a connection to write by, when its turn comes."""

    @functools.wraps(of)
    def method(self: ReviewStore, /, *args: Terms.args, **named: Terms.kwargs) -> Result:
        with self._write() as connection:
            return of(connection, *args, **named)

    return method


def _begins(
    of: Callable[Concatenate[Connection, float, Terms], Result],
) -> Callable[Concatenate[ReviewStore, Clock, Terms], Result]:
    """The same for a function that needs to know when its turn began."""

    @functools.wraps(of)
    def method(self: ReviewStore, clock: Clock, /, *args: Terms.args, **named: Terms.kwargs) -> Result:
        with self._write() as connection:
            return of(connection, clock(), *args, **named)

    return method


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

    add_batch = _writes(review_items.add_batch)
    add_items = _writes(review_items.add_items)
    find_or_add = _writes(review_items.find_or_add)
    extend = _writes(review_items.extend)
    set_source = _writes(review_items.set_source)
    last_event = _reads(review_events.last_event)
    touched = _reads(review_events.touched)
    batches = _reads(review_items.list_batches)
    batch = _reads(review_items.find_batch)
    set_closed = _writes(review_items.set_closed)
    item = _reads(review_items.find_item)
    items = _reads(review_items.items_of)
    items_and_standings = _reads(review_items.items_and_standings_of)
    standing = _reads(review_items.find_standing)
    progress = _reads(review_counts.progress)
    count = _reads(review_counts.count)
    skipped = _reads(review_counts.skipped)
    holders = _reads(review_leases.holders)
    free = _writes(review_leases.free)
    add_reviewer = _writes(review_reviewers.add)
    set_token = _writes(review_reviewers.set_token)
    disable = _writes(review_reviewers.disable)
    reviewers = _reads(review_reviewers.list_all)
    without_token = _reads(review_reviewers.without_token)
    admitted_by = _reads(review_reviewers.by_token)
    admitted = _reads(review_reviewers.admitted)
    next = _begins(review_turns.take)
    renew = _begins(review_turns.renew)
    record = _begins(review_turns.record)
    undo = _begins(review_turns.undo)
    import_labels = _writes(review_turns.import_labels)

    def asked(self, fingerprint: str) -> Iterator[tuple[bytes, Request]]:
        """All that a version was asked, each with the key of its samples."""
        query = select(requests.c.key, requests.c.request).where(requests.c.fingerprint == fingerprint)
        with self._database.read() as connection:
            for key, text in connection.execute(query):
                yield key, codec.stored_request(text)

    def events(self, *, batch_id: str | None = None, item_id: str | None = None) -> list[Event]:
        """All events of a batch or an item, in the order in which they happened."""
        with self._database.read() as connection:
            if batch_id is not None:
                return review_events.of_batch(connection, batch_id)
            return review_events.of_item(connection, item_id or "")

    def merge(self, other: ReviewStore) -> tuple[int, int]:
        """Bring in what another store's queue holds; what is here stays. Gives how many labels are new, and how many
        stay there.
        """
        with other._database.read() as connection:
            parts, reviewers = review_merging.read(connection)
        with self._write() as connection:
            return review_merging.merge(connection, parts, reviewers)
