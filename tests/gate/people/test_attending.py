"""Batches that no gate decides are left alone, and so are those whose run is gone; those of a gate are in
tests/plugin/people/test_review.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from harness.gate.people.attending import Prospects, attended, prospects
from harness.gate.people.batches import Attendant, fill_batch
from harness.records.review import Form, LabelChoice
from harness.review import Queue
from harness.review.batches.draws import subject_of
from harness.review.batches.population import ReviewPlan
from harness.statistics.labels.draws import LabelQuestion
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


def test_changed_labels_that_turn_a_decision_are_told_as_one(store: Store) -> None:
    run = runs.add_run(store, n_cases=90)
    plan, asked = ReviewPlan(runs.EVALUATION, "score", FORM, ("candidate",)), [LabelQuestion("rate", 0.7, 0.08)]
    batch = fill_batch(store, run, subject_of(store, run, plan, "uncertain"), asked, "uncertain").batch
    queue, attendant, told = Queue(store), Attendant(store), list[str | None]()
    queue.add_reviewer("ann")
    attendant.attend(batch.id)
    while (view := queue.next("ann")) is not None:
        queue.label("ann", view.lease_id, 3, key=view.lease_id)
        attendant.attend(batch.id)
    assert store.review.batch(batch.id).closed_reason == "decided: passed"
    with attended(store, 0.01, lambda decided: told.append(decided.closed_reason)) as outlooks:
        wait_until(lambda: batch.id in outlooks)
        with store.review.turn():
            for own in store.review.own("ann", 500):
                _, changed = queue.revise("ann", own.number)
                queue.label("ann", changed.lease_id, 1, key=changed.lease_id)
        wait_until(lambda: told)
    assert told == ["decided: failed"] == [store.review.batch(batch.id).closed_reason]


def test_items_are_added_all_or_none(store: Store) -> None:
    batch = runs.add_batch(store, runs.add_run(store), FORM, n_items=5)
    items = store.review.items(batch.id)
    late = [replace(items[0], id="late", position=4)]
    assert not store.review.extend(batch.id, late)
    assert not store.review.extend(batch.id, [])
    assert store.review.extend(batch.id, [replace(items[0], id="next", position=5)])
    assert [item.id for item in store.review.items(batch.id)] == [*(item.id for item in items), "next"]
