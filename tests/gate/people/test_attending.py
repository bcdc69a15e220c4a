"""Batches of `steelyard review add` are left alone, and so are those whose run is gone; those of a gate are in
tests/plugin/people/test_review.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from harness.gate.people.attending import Prospects, attend_all, attended, prospects
from harness.gate.people.batches import Attendant, LabelEvidence, fill_batch, settle_batch
from harness.records.review import Form, Item, LabelChoice
from harness.review import Queue
from harness.review.batches.draws import subject_of
from harness.review.batches.filling import add_run
from harness.review.batches.plans import ReviewPlan
from harness.statistics.labels.draws import LabelQuestion
from harness.store import Store
from harness.store.database import Database
from tests.review import runs
from tests.waiting import wait_until

FORM = Form("scale", "Faithful", choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(3, "right", 1.0)))


def test_a_batch_that_no_gate_decides_stays_as_it_is(store: Store) -> None:
    batch = add_run(store, runs.add_run(store), ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
    before = store.review.items(batch.id)
    assert Attendant(store).attend(batch.id) is None
    attend_all(store, [batch.id])
    assert prospects(store, [batch.id]) == Prospects({}, {}, {})
    assert store.review.items(batch.id) == before
    assert store.review.batch(batch.id).closed is None


def test_a_batch_of_a_run_that_was_pruned_stays_as_it_is(store: Store) -> None:
    batch = add_run(store, runs.add_run(store), ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
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
    batch = add_run(store, run, ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
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
    batch = add_run(store, runs.add_run(store), ReviewPlan(runs.EVALUATION, "score", FORM, draws=5)).batch
    items = store.review.items(batch.id)
    late = [replace(items[0], id="late", position=4)]
    assert not store.review.extend(batch.id, late)
    assert not store.review.extend(batch.id, [])
    assert store.review.extend(batch.id, [replace(items[0], id="next", position=5)])
    assert [item.id for item in store.review.items(batch.id)] == [*(item.id for item in items), "next"]


QUESTIONS = (LabelQuestion("rate", 0.6, 0.1),)


class Gate:
    """A gate with a store and a reviewer of its own, who calls the answers right to the cases of these numbers."""

    def __init__(self, store: Store, reviewer: str, right: range) -> None:
        self.store, self.right, self.reviewer = store, right, reviewer
        self.run = runs.add_run(store, n_cases=200)
        plan = ReviewPlan(runs.EVALUATION, "score", FORM)
        self.subject = subject_of(store, self.run, plan, "uncertain")
        self.batch = fill_batch(store, self.run, self.subject, QUESTIONS, "uncertain")
        self.queue = Queue(store)
        self.queue.add_reviewer(reviewer)
        self.settle()

    def settle(self) -> LabelEvidence:
        return settle_batch(self.store, self.store.review.batch(self.batch.id), self.subject, QUESTIONS)

    def label(self, n_items: int) -> None:
        for _ in range(n_items):
            view = self.queue.next(self.reviewer)
            assert view is not None
            value = 3 if int(view.case_id.removeprefix("case-")) in self.right else 1
            self.queue.label(self.reviewer, view.lease_id, value, key=view.lease_id)
            self.settle()

    def items(self) -> list[Item]:
        return self.store.review.items(self.batch.id)


@pytest.mark.service
def test_two_gates_that_drew_apart_go_on_as_one_drawing_with_the_labels_of_both(tmp_path: Path) -> None:
    """The one calls every answer wrong, the other one half of them, so that they draw other cases."""
    with Store.open(str(tmp_path / "a.db")) as ours, Store.open(str(tmp_path / "b.db")) as theirs:
        ann, bob = Gate(ours, "ann", range(0)), Gate(theirs, "bob", range(0, 200, 2))
        ann.label(6)
        bob.label(30)
        before = ann.items()
        said = {item.case_id for item in bob.items() if theirs.review.standing(item.id).n_labels}
        unknown = said - {item.case_id for item in before}
        assert unknown
        assert ours.merge(theirs).labels == 30
        assert ann.items() == before
        ann.settle()
        assert ann.items()[: len(before)] == before
        drawn = [item.case_id for item in ann.items()]
        assert len(drawn) == len(set(drawn))
        assert unknown & set(drawn)
        disputed = [i.case_id for i in ann.items() if ours.review.standing(i.id).state == "disputed"]
        assert disputed == [item.case_id for item in before[:6] if item.case_id[-1] in "02468"]
        ledger = ann.settle().ledger
        done = {i.case_id for i in ann.items() if ours.review.standing(i.id).state == "done"}
        assert done == (said & set(drawn) | {item.case_id for item in before[:6]}) - set(disputed)
        order = ann.subject.items.lots.order.tolist()
        assert [order.index(draw.case) for draw in ledger.draws] == [
            sum(len(each.passed) + 1 for each in ledger.draws[: number + 1]) - 1 for number in range(len(ledger.draws))
        ]
        assert ledger.n_waiting == len(ledger.draws), "the first is disputed, and the others wait for it"
