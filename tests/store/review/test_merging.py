from dataclasses import replace

from harness.records.review import Batch
from harness.review import Queue
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


def test_labels_of_two_stores_come_together(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    ours, other = filled(store, "ann"), open_store(new_url())
    theirs = filled(other, "bob")
    label(ours, "ann", 4, "a1")
    label(ours, "ann", 2, "a2")
    label(theirs, "bob", 5, "b1")
    theirs.undo("bob", key="b2")
    label(theirs, "bob", 4, "b3")
    label(theirs, "bob", 1, "b4")
    assert store.merge(other).labels == 3
    standings = store.review.items_and_standings("b1")[1]
    assert [standing.state for standing in standings.values()] == ["done", "disputed", "open"]
    assert store.review.standing("b1-00000").value == 4
    assert [event.kind for event in store.review.events(item_id="b1-00000")] == ["label", "label", "undo", "label"]
    assert {each.name for each in ours.reviewers()} == {"ann", "bob"}
    assert store.merge(other).labels == 0
    assert len(store.review.events(batch_id="b1")) == 6


def test_a_token_of_another_store_opens_nothing_here(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    other = open_store(new_url())
    token = Queue(other).add_reviewer("bob")
    store.merge(other)
    assert Queue(store).sign_in(token) is None
    assert [each.name for each in store.review.reviewers()] == ["bob"]


def test_items_that_were_added_apart_all_stay(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    other = open_store(new_url())
    filled(store)
    filled(other)
    mine, his = batch_of(4)[3], batch_of(4, batch_id="b1")[3]
    store.review.add_items("b1", [replace(mine, id="mine")])
    other.review.add_items("b1", [replace(his, id="his")])
    store.merge(other)
    assert [(item.id, item.position) for item in store.review.items("b1")][3:] == [("mine", 3), ("his", 4)]
    assert len(store.review.items_and_standings("b1")[1]) == 5


def test_an_item_whose_position_is_taken_is_not_added_again(store: Store) -> None:
    filled(store)
    assert store.review.add_items("b1", batch_of(5)) == batch_of(5)[3:]
    assert store.review.add_items("b1", batch_of(5)) == []
