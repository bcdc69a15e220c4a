"""Batches of `steelyard review add` are left alone, and so are those whose run is gone; those of a gate are in
tests/plugin/people/test_review.py."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from harness.gate.people.attending import Prospects, attend_all, attended, prospects
from harness.gate.people.batches import Attendant
from harness.records.review import Form, LabelChoice
from harness.review.batches.filling import add_run
from harness.review.batches.plans import ReviewPlan
from harness.store import Store
from tests.review import runs

FORM = Form("scale", "Faithful", choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(3, "right", 1.0)))


def test_a_batch_that_no_gate_decides_stays_as_it_is(store: Store) -> None:
    batch = add_run(store, runs.add_run(store), ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
    before = store.review.items(batch.id)
    assert Attendant(store).attend(batch.id) is None
    attend_all(store, [batch.id])
    assert prospects(store, [batch.id]) == Prospects({}, {}, {}, {})
    assert store.review.items(batch.id) == before
    assert store.review.batch(batch.id).closed is None


def test_a_batch_of_a_run_that_was_pruned_stays_as_it_is(store: Store) -> None:
    batch = add_run(store, runs.add_run(store), ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
    source = {"key": "k", "mode": "all", "questions": [], "roles": ["candidate"]}
    store.review.set_source(batch.id, "gone", source)
    assert store.review.batch(batch.id) == replace(batch, run_id="gone", source=source)
    assert Attendant(store).attend(batch.id) is None


def test_a_batch_that_can_not_be_decided_leaves_the_others_attended(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Its source was damaged: the thread says so in one line, and goes on."""
    run = runs.add_run(store)
    batch = add_run(store, run, ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
    source = {"key": "k", "mode": "all", "questions": [{"of": "nothing"}], "roles": ["candidate"]}
    store.review.set_source(batch.id, run.run_id, source)
    deadline = time.monotonic() + 30
    with attended(store, 0.01):
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert any(thread.name == "attendant" for thread in threading.enumerate())
    (told,) = caplog.messages
    assert told.startswith(f"Batch {batch.id} can't be decided, its labels stay: TypeError")


def test_items_are_added_all_or_none(store: Store) -> None:
    batch = add_run(store, runs.add_run(store), ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
    items = store.review.items(batch.id)
    late = [replace(items[0], id="late", position=4)]
    assert not store.review.extend(batch.id, late)
    assert not store.review.extend(batch.id, [])
    assert store.review.extend(batch.id, [replace(items[0], id="next", position=5)])
    assert [item.id for item in store.review.items(batch.id)] == [*(item.id for item in items), "next"]
