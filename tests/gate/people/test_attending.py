"""Batches that no gate decides are left alone, and so are those whose run is gone; those of a gate are in
tests/plugin/people/test_review.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from harness.gate.people.attending import Prospects, attended, prospects
from harness.gate.people.batches import Attendant
from harness.records.review import Form, LabelChoice
from harness.store import Store
from harness.store.database import Database
from tests.review import runs
from tests.waiting import wait_until

FORM = Form("scale", "Faithful", choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(3, "right", 1.0)))


def test_a_batch_that_no_gate_decides_stays_as_it_is(store: Store) -> None:
    batch = runs.add_batch(store, runs.add_run(store), FORM, n_items=5)
    before = store.review.items(batch.id)
    assert Attendant(store).attend(batch.id) is None
    prospects(store, [batch.id], settles=True)
    assert prospects(store, [batch.id]) == Prospects({}, {}, {})
    assert store.review.items(batch.id) == before
    assert store.review.batch(batch.id).closed is None


def test_a_batch_of_a_run_that_was_pruned_stays_as_it_is(store: Store) -> None:
    batch = runs.add_batch(store, runs.add_run(store), FORM, n_items=5)
    source = {"key": "k", "mode": "all", "questions": [], "roles": ["candidate"]}
    store.review.set_source(batch.id, "gone", source)
    assert store.review.batch(batch.id) == replace(batch, run_id="gone", source=source)
    assert Attendant(store).attend(batch.id) is None


class Counted(Database):
    """A store whose readings are counted."""

    def __init__(self, store: Store) -> None:
        own = store._database
        super().__init__(own.engine, own.url, readonly=False)
        self.n_readings = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.n_readings += 1
        with super().read() as connection:
            yield connection


def test_a_batch_that_can_not_be_decided_leaves_the_others_attended(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Its source was damaged: the thread says so in one line, and goes on."""
    run = runs.add_run(store)
    batch = runs.add_batch(store, run, FORM, n_items=5)
    source = {"key": "k", "mode": "all", "questions": [{"of": "nothing"}], "roles": ["candidate"]}
    store.review.set_source(batch.id, run.run_id, source)
    counted = Counted(store)
    with attended(Store(counted), 0.01):
        wait_until(lambda: caplog.messages)
        before = counted.n_readings
        wait_until(lambda: counted.n_readings > before + 5)
    (told,) = caplog.messages
    assert told.startswith(f"Batch {batch.id} can't be decided, its labels stay: TypeError")


def test_items_are_added_all_or_none(store: Store) -> None:
    batch = runs.add_batch(store, runs.add_run(store), FORM, n_items=5)
    items = store.review.items(batch.id)
    late = [replace(items[0], id="late", position=4)]
    assert not store.review.extend(batch.id, late)
    assert not store.review.extend(batch.id, [])
    assert store.review.extend(batch.id, [replace(items[0], id="next", position=5)])
    assert [item.id for item in store.review.items(batch.id)] == [*(item.id for item in items), "next"]
