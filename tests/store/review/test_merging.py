from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.records.review import Batch, Item
from harness.review import Queue
from harness.review.labels import labels_of_run
from harness.store import Store
from tests.review.conftest import SCALE, batch_of
from tests.store.conftest import NewUrl, OpenStore


def label(queue: Queue, reviewer: str, value: int, key: str) -> None:
    view = queue.next(reviewer)
    assert view is not None
    queue.label(reviewer, view.lease_id, value, key=key)


def filled(store: Store, *reviewers: str) -> Queue:
    store.review.add_batch(Batch("b1", 1.0, "suites/test_s.py::test_s", SCALE), batch_of(3, wanted=2))
    queue = Queue(store)
    for name in reviewers:
        queue.add_reviewer(name)
    return queue


@pytest.mark.service
def test_labels_of_two_stores_come_together(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    ours, other = filled(store, "ann"), open_store(new_url())
    theirs = filled(other, "bob")
    label(ours, "ann", 4, "a1")
    label(ours, "ann", 2, "a2")
    label(theirs, "bob", 5, "b1")
    theirs.undo("bob", key="b2")
    label(theirs, "bob", 4, "b3")
    label(theirs, "bob", 1, "b4")
    merged = store.merge(other)
    assert (merged.labels, merged.labels_left) == (3, 0)
    standings = store.review.items_and_standings("b1")[1]
    assert [standing.state for standing in standings.values()] == ["done", "disputed", "open"]
    assert store.review.standing("b1-00000").value == 4
    assert [event.kind for event in store.review.events(item_id="b1-00000")] == ["label", "label", "undo", "label"]
    assert {each.name for each in ours.reviewers()} == {"ann", "bob"}
    assert store.merge(other).labels == 0
    assert len(store.review.events(batch_id="b1")) == 6


@pytest.mark.service
def test_a_token_of_another_store_opens_nothing_here(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    other = open_store(new_url())
    token = Queue(other).add_reviewer("bob")
    store.merge(other)
    assert Queue(store).sign_in(token) is None
    assert [each.name for each in store.review.reviewers()] == ["bob"]


def drawn(store: Store, cases: Sequence[int], *reviewers: str, batch_id: str = "b1") -> Queue:
    """A gate's batch that drew these cases in this order."""
    batch = Batch(batch_id, 1.0, "suites/test_s.py::test_s", SCALE, run_id="r", source={"key": "k"})
    store.review.add_batch(batch, [])
    assert store.review.extend(batch_id, draws(cases, batch_id=batch_id))
    queue = Queue(store)
    for name in reviewers:
        queue.add_reviewer(name)
    return queue


def draws(cases: Sequence[int], first: int = 0, batch_id: str = "b1") -> list[Item]:
    known = batch_of(max(cases) + 1, batch_id=batch_id, draw={"version": 0})
    return [
        replace(known[case], id=f"{batch_id}-{case}", position=position) for position, case in enumerate(cases, first)
    ]


def cases_of(store: Store, batch_id: str = "b1") -> list[tuple[str, str]]:
    items, standings = store.review.items_and_standings(batch_id)
    return [(item.case_id, standings[item.id].state) for item in items]


def test_a_batch_that_went_on_in_a_copy_comes_back_with_its_items_and_labels(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    drawn(store, [0, 1])
    other.merge(store)
    theirs = Queue(other)
    theirs.add_reviewer("bob")
    other.review.extend("b1", draws([3, 2], first=2))
    for number in range(3):
        label(theirs, "bob", 4, f"b{number}")
    merged = store.merge(other)
    assert (merged.labels, merged.labels_left) == (3, 0)
    assert cases_of(store) == [("case-0", "done"), ("case-1", "done"), ("case-3", "done"), ("case-2", "open")]
    assert store.merge(other).labels == 0


def test_labels_of_items_that_only_the_other_gate_drew_stay_there(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    drawn(store, [0, 1])
    theirs = drawn(other, [0, 2], "bob")
    for number in range(2):
        label(theirs, "bob", 4, f"b{number}")
    merged = store.merge(other)
    assert (merged.labels, merged.labels_left) == (1, 1)
    assert cases_of(store) == [("case-0", "done"), ("case-1", "open")]


def test_a_batch_that_two_gates_drew_apart_is_two_of_which_ours_decides(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    drawn(store, [0, 1])
    label(drawn(other, [0, 2], "bob", batch_id="b2"), "bob", 4, "b1")
    for n_labels in (1, 0):
        assert store.merge(other).labels == n_labels
    assert cases_of(store) == [("case-0", "open"), ("case-1", "open")]
    assert cases_of(store, "b2") == [("case-0", "done"), ("case-2", "open")]
    ours, theirs = store.review.batches()
    assert (ours.source, theirs.source) == ({"key": "k"}, {})
    assert theirs.closed_reason == "the gate here drew items of its own"
    assert [each.case_id for each in labels_of_run(store, "r")] == ["case-0"]


def test_a_batch_that_was_closed_there_is_closed_here(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    other = open_store(new_url())
    filled(other, "bob")
    other.review.set_closed("b1", 5.0, "superseded by run r2")
    store.merge(other)
    assert store.review.batches() == other.review.batches()
    assert Queue(store).next("bob") is None
