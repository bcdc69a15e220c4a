from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.records.review import Batch, Item
from harness.review import Queue
from harness.review.labels import labels_of_run
from harness.store import Store
from harness.store.review import items as review_items
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
    assert store.merge(other).labels == 3
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


@pytest.mark.service
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


def drawn(store: Store, prefix: str, cases: Sequence[int], *reviewers: str, batch_id: str = "b1") -> Queue:
    """A gate's batch that drew these cases in this order, under ids of its own."""
    store.review.add_batch(Batch(batch_id, 1.0, "suites/test_s.py::test_s", SCALE, source={"key": "k"}), [])
    assert store.review.extend(batch_id, draws(prefix, cases, batch_id=batch_id))
    queue = Queue(store)
    for name in reviewers:
        queue.add_reviewer(name)
    return queue


def draws(prefix: str, cases: Sequence[int], first: int = 0, batch_id: str = "b1") -> list[Item]:
    known = batch_of(max(cases) + 1, batch_id=batch_id, draw={"version": 0})
    return [
        replace(known[case], id=f"{prefix}-{case}", position=position) for position, case in enumerate(cases, first)
    ]


def cases_of(store: Store, batch_id: str = "b1") -> list[tuple[str, str, int | str | None]]:
    items, standings = store.review.items_and_standings(batch_id)
    return [(item.case_id, standings[item.id].state, standings[item.id].value) for item in items]


def test_a_case_that_two_gates_drew_is_one_item_with_the_labels_of_both(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    ours, theirs = drawn(store, "mine", [0, 1, 2, 3], "ann"), drawn(other, "his", [0, 1, 2, 4], "bob")
    for number, value in enumerate((4, 2)):
        label(ours, "ann", value, f"a{number}")
    for number, value in enumerate((4, 5, 1)):
        label(theirs, "bob", value, f"b{number}")
    assert store.merge(other).labels == 3
    expected = [("case-0", "done", 4), ("case-1", "disputed", None), ("case-2", "done", 1), ("case-3", "open", None)]
    assert cases_of(store) == expected
    assert [batch.id for batch in store.review.batches()] == ["b1"], "nobody has said anything of case-4"
    assert store.merge(other).labels == 0
    assert cases_of(store) == expected
    assert other.merge(store).labels == 2
    assert cases_of(other) == [*expected[:3], ("case-4", "open", None)]
    assert store.merge(other).labels == 0


def test_labels_of_a_case_that_is_not_drawn_here_wait_until_it_is(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    queue = drawn(store, "mine", [0, 1], "ann")
    theirs = drawn(other, "his", [2, 0, 4], "bob")
    for number, value in enumerate((5, 3, 1)):
        label(theirs, "bob", value, f"b{number}")
    assert [store.merge(other).labels for _ in range(2)] == [3, 0]
    assert cases_of(store) == [("case-0", "done", 3), ("case-1", "open", None)]
    assert cases_of(store, "b1-apart") == [("case-2", "done", 5), ("case-4", "done", 1)]
    kept = "kept for labels of another store until the gate draws their cases here"
    assert store.review.batch("b1-apart").closed_reason == kept, "true where it has none left, too"
    view = queue.next("ann")
    assert view is not None
    assert view.case_id == "case-1"
    assert queue.next("ann", holding=[view.lease_id]) is None
    added = store.review.extend("b1", draws("later", [3, 2], first=2))
    assert [item.id for item in added] == ["later-3", "his-2"]
    assert cases_of(store)[2:] == [("case-3", "open", None), ("case-2", "done", 5)]
    assert cases_of(store, "b1-apart") == [("case-4", "done", 1)]
    theirs.undo("bob", key="undo")
    label(theirs, "bob", 2, "again")
    assert store.merge(other).labels == 1
    assert cases_of(store, "b1-apart") == [("case-4", "done", 2)]


def test_batches_about_the_same_answers_come_together_whatever_their_ids(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other, third = open_store(new_url()), open_store(new_url())
    drawn(store, "mine", [0, 1])
    theirs = drawn(other, "his", [0, 2], "bob", batch_id="b2")
    label(theirs, "bob", 4, "b1")
    label(theirs, "bob", 2, "b2")
    store.merge(other)
    assert cases_of(store) == [("case-0", "done", 4), ("case-1", "open", None)]
    assert cases_of(store, "b1-apart") == [("case-2", "done", 2)]
    assert [batch.id for batch in store.review.batches()] == ["b1", "b1-apart"]
    third.merge(store)
    assert third.merge(other).labels == 0
    assert cases_of(third, "b1-apart") == [("case-2", "done", 2)]
    assert third.review.batch("b1-apart").closed is not None


def test_of_a_case_that_an_earlier_merge_left_twice_the_first_item_gets_the_labels(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    """The first is the one that the gate goes by."""
    other = open_store(new_url())
    drawn(store, "mine", [0, 1])
    store.review.add_items("b1", draws("earlier", [1], first=2))
    label(drawn(other, "his", [1], "bob"), "bob", 4, "b1")
    store.merge(other)
    assert cases_of(store) == [("case-0", "open", None), ("case-1", "done", 4), ("case-1", "open", None)]


def test_labels_reach_the_gates_item_though_a_file_brought_the_other_stores_item(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    drawn(store, "mine", [0, 1])
    label(drawn(other, "his", [1, 2], "bob"), "bob", 4, "b1")
    imported = [replace(item, batch_id="file") for item in other.review.items("b1")]
    store.review.add_batch(Batch("file", 2.0, "suites/test_s.py::test_s", SCALE, source={"imported": True}), imported)
    assert [store.merge(other).labels for _ in range(2)] == [1, 0]
    assert cases_of(store) == [("case-0", "open", None), ("case-1", "done", 4)]
    label(Queue(other), "bob", 2, "b2")
    assert store.merge(other).labels == 1
    assert cases_of(store, "file") == [("case-1", "open", None), ("case-2", "done", 2)]


def test_a_batch_that_waits_apart_knows_whose_answers_its_labels_are_of(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    source = {"key": "k", "roles": ["candidate", "baseline"]}
    batch = Batch("b1", 1.0, "suites/test_s.py::test_s", SCALE, run_id="r", source=source)
    store.review.add_batch(batch, [])
    other.review.add_batch(batch, batch_of(1, draw={"version": 1}))
    queue = Queue(other)
    queue.add_reviewer("bob")
    label(queue, "bob", 4, "b1")
    store.merge(other)
    assert cases_of(store, "b1-apart") == [("case-0", "done", 4)]
    assert [each.part for each in labels_of_run(store, "r")] == ["baseline"]


def test_a_batch_that_was_closed_there_is_closed_here(store: Store, new_url: NewUrl, open_store: OpenStore) -> None:
    other = open_store(new_url())
    filled(other, "bob")
    other.review.set_closed("b1", 5.0, "superseded by run r2")
    store.merge(other)
    assert store.review.batches() == other.review.batches()
    assert Queue(store).next("bob") is None


def test_batches_are_read_once_however_many_there_are(
    store: Store, new_url: NewUrl, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_store(new_url())
    for number in range(5):
        for place in (store, other):
            name = f"{number}" if place is store else f"his-{number}"
            source = {"key": f"k{number}"}
            batch = Batch(name, 1.0, "suites/test_s.py::test_s", SCALE, source=source)
            place.review.add_batch(batch, batch_of(2, batch_id=name))
    read: list[Batch] = []
    make = review_items._batch
    monkeypatch.setattr(review_items, "_batch", lambda row: read.append(make(row)) or read[-1])
    store.merge(other)
    assert len(read) <= 20, "those of both stores, and each once more as its items are added"
