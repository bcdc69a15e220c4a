"""What people are told before they label, and while they do: whether labels can decide, and how many are left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.gate.people.attending import _outlook
from harness.gate.people.batches import Attendant, GateBatch, fill_batch
from harness.records.review import Form, LabelChoice
from harness.review import Queue
from harness.review.batches.draws import subject_of
from harness.review.batches.population import ReviewPlan
from harness.statistics.labels.draws import LabelQuestion
from harness.store import Store
from tests.review import runs

FORM = Form("scale", "Faithful", choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(3, "right", 1.0)))
QUESTION = LabelQuestion("rate", 0.9, 0.05, 0.05, 0.025)


@pytest.fixture
def queue(store: Store) -> Queue:
    queue = Queue(store)
    queue.add_reviewer("ann")
    return queue


def filled(store: Store, n_cases: int, question: LabelQuestion = QUESTION) -> GateBatch:
    """A batch that a gate decides, with what it draws before the first label."""
    run = runs.add_run(store, n_cases=n_cases)
    subject = subject_of(store, run, ReviewPlan(runs.EVALUATION, "score", FORM), "uncertain")
    batch = fill_batch(store, run, subject, [question], "uncertain")
    batch.settle()
    return batch


def label(queue: Queue, value: int) -> None:
    view = queue.next("ann")
    assert view is not None
    queue.label("ann", view.lease_id, value, key=view.lease_id)


def test_labels_left_never_climb_while_the_gate_draws_more(store: Store, queue: Queue) -> None:
    """Of open items alone they would: 20, 16, and 20 again."""
    batch, attendant = filled(store, 150), Attendant(store)
    found = batch.outlook()
    outlooks = {batch.batch.id: _outlook(store, batch.batch.id, found, None)}
    left, of_open_items = [queue.count("label", outlooks).left], [queue.count("label").left]
    for number in range(24):
        label(queue, 1 if number % 3 else 3)
        left.append(queue.count("label", outlooks).left)
        of_open_items.append(queue.count("label").left)
        if number % 4 == 3:
            again = attendant.attend(batch.batch.id)
            assert again is not None
            left.append(queue.count("label", outlooks).left)
            of_open_items.append(queue.count("label").left)
            outlooks[batch.batch.id] = _outlook(store, batch.batch.id, again, outlooks[batch.batch.id])
            left.append(queue.count("label", outlooks).left)
        if store.review.batch(batch.batch.id).closed is not None:
            break
    assert left == sorted(left, reverse=True)
    assert of_open_items != sorted(of_open_items, reverse=True)


def test_a_forecast_stays_as_it_was_first_given(store: Store) -> None:
    """And is counted down by the labels that are in."""
    batch = filled(store, 150)
    found = batch.outlook()
    first = _outlook(store, batch.batch.id, found, None)
    assert first.enough is None
    known = replace(first, enough=60)
    assert _outlook(store, batch.batch.id, found, known).enough == 60


def test_thirty_cases_are_said_to_be_too_few_before_the_first_label(store: Store, queue: Queue) -> None:
    batch = filled(store, 30)
    assert batch.batch.source["problem"] == "30 cases cannot pass whatever people say: about 50 would"
    assert queue.next("ann") is not None, "labels can show that it is worse"


def test_enough_cases_have_no_problem(store: Store) -> None:
    assert "problem" not in filled(store, 90).batch.source


def test_nobody_is_asked_where_no_label_could_decide(store: Store, queue: Queue) -> None:
    batch = filled(store, 4)
    stored = store.review.batch(batch.batch.id)
    assert stored.closed_reason == "decided: inconclusive (4 cases cannot pass whatever people say: about 50 would)"
    assert store.review.items(stored.id) == []
    assert queue.next("ann") is None


def test_nobody_is_asked_any_more_once_no_label_could_decide(store: Store, queue: Queue) -> None:
    """Thirty cases can fail and not pass; after some good labels they can't fail either. An undo opens it again."""
    batch, attendant = filled(store, 30), Attendant(store)
    n_labels = 0
    while store.review.batch(batch.batch.id).closed is None:
        label(queue, 3)
        n_labels += 1
        attendant.attend(batch.batch.id)
    assert 0 < n_labels < 24
    assert (store.review.batch(batch.batch.id).closed_reason or "").startswith("decided: inconclusive (30 cases cannot")
    queue.undo("ann", key="u")
    attendant.attend(batch.batch.id)
    assert store.review.batch(batch.batch.id).closed is None
