"""Labels of the same answers in another batch, which a gate's batch is told of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.gate.people.earlier_labels import labelled_before
from harness.records.review import Batch, Form
from harness.review import Queue
from harness.store import Store
from tests.review.conftest import SCALE, batch_of


def added(store: Store, batch_id: str, n_items: int, n_labels: int = 0, form: Form = SCALE) -> Batch:
    """A batch of the answers to the first so many cases, so many of them labelled."""
    batch = Batch(batch_id, float(len(store.review.batches())), "suites/test_s.py::test_s", form)
    store.review.add_batch(batch, batch_of(n_items, form, batch_id=batch_id))
    queue = Queue(store)
    queue.add_reviewer(f"ann-{batch_id}")
    for number in range(n_labels):
        view = queue.next(f"ann-{batch_id}", batch_id=batch_id)
        assert view is not None
        queue.label(f"ann-{batch_id}", view.lease_id, 3, key=f"{batch_id}{number}")
    return batch


def test_items_that_wait_are_told_with_the_batches_that_have_their_labels(store: Store) -> None:
    added(store, "b1", 5, 3)
    assert labelled_before(store, added(store, "b2", 9)) == (
        "3 items that wait have labels of the same answer in batch b1, which can be imported: "
        "`steelyard review export b1 --unblind` (the guide, Recorded labels)"
    )
    third = labelled_before(store, added(store, "b3", 9, 2))
    assert third is not None
    assert third.startswith("1 item that waits has a label of the same answer in batch b1, ")
    added(store, "b4", 4, 4)
    again = labelled_before(store, store.review.batch("b2"))
    assert again is not None
    assert again.startswith("4 items that wait have labels of the same answer in batch b4, ")


@pytest.mark.parametrize("changed", ["answer", "question", "form", "closed", "unlabelled"])
def test_nothing_is_told_of_other_answers_or_forms_nor_of_a_closed_batch(store: Store, changed: str) -> None:
    form = replace(SCALE, rubric="d2") if changed == "form" else SCALE
    added(store, "b1", 5, 0 if changed == "unlabelled" else 3, form)
    batch = Batch("b2", 9.0, "suites/test_s.py::test_s", SCALE, closed=10.0 if changed == "closed" else None)
    items = batch_of(5, batch_id="b2")
    if changed == "answer":
        items = [replace(each, answers=(replace(each.answers[0], text="another"),)) for each in items]
    if changed == "question":
        items = [replace(each, messages=({"role": "user", "content": "Another?"},)) for each in items]
    store.review.add_batch(batch, items)
    assert labelled_before(store, batch) is None


def test_the_same_answer_that_was_drawn_anew_has_its_label_too(store: Store) -> None:
    """Whatever fields of the case stand beside its question by now."""
    added(store, "b1", 2, 2)
    batch = Batch("b2", 9.0, "suites/test_s.py::test_s", SCALE)
    anew = [
        replace(
            each,
            messages=(*each.messages, {"role": "source", "content": "a book"}),
            answers=(replace(each.answers[0], sample_key=b"n" * 16),),
        )
        for each in batch_of(2, batch_id="b2")
    ]
    store.review.add_batch(batch, anew)
    told = labelled_before(store, batch)
    assert told is not None
    assert told.startswith("2 items that wait have labels of the same answer in batch b1")
