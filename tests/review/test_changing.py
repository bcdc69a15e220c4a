"""What a reviewer said can be changed: the old label counts until the new one is in, and then the new one alone."""

import pytest

from harness.errors import LeaseEndedError, LeaseError, NothingToUndoError
from harness.review import Queue
from harness.store import Store
from tests.review.conftest import PAIR, AddBatch
from tests.review.queues import key, label, take


def numbers(queue: Queue, reviewer: str) -> list[int]:
    return [each.event.number for each in queue.own(reviewer)]


def values(store: Store) -> list[object]:
    items, standings = store.review.items_and_standings("b1")
    return [standings[item.id].value for item in items]


def test_an_older_label_counts_until_another_is_given(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(4)
    for value in (1, 2, 3):
        label(queue, "ann", value)
    first = numbers(queue, "ann")[-1]
    event, view = queue.revise("ann", first)
    assert (event.value, view.item.id) == (1, "b1-00000")
    assert values(store) == [1, 2, 3, None]
    assert take(queue, "ann", holding=[view.lease_id]).item.id == "b1-00003"
    queue.label("ann", view.lease_id, 5, key=key())
    assert values(store) == [5, 2, 3, None]
    assert store.review.standing("b1-00000").n_labels == 1
    assert queue.progress("b1")[0].labels == 3
    with pytest.raises(NothingToUndoError):
        queue.revise("ann", first)
    assert queue.undo("ann", key=key()).view is not None, "the change is what was said last, and its item comes back"
    assert values(store) == [None, 2, 3, None]


def test_a_change_that_is_left_changes_nothing(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    label(queue, "ann", 1)
    queue.revise("ann", numbers(queue, "ann")[0])
    assert queue.next("ann") is None
    assert values(store) == [1]
    assert queue.next("bob") is None, "the item has its label"


@pytest.mark.parametrize("wanted", [1, 2])
def test_a_change_waits_while_another_tab_goes_on(queue: Queue, store: Store, add_batch: AddBatch, wanted: int) -> None:
    add_batch(3, wanted=wanted)
    label(queue, "ann", 1)
    _, view = queue.revise("ann", numbers(queue, "ann")[0])
    assert label(queue, "ann", 2).item.id == "b1-00001"
    queue.label("ann", view.lease_id, 5, key=key())
    assert [event.value for event in store.review.events(batch_id="b1") if event.kind == "label"] == [1, 2, 5]


def test_a_change_that_is_skipped_leaves_the_label(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(2)
    label(queue, "ann", 1)
    _, view = queue.revise("ann", numbers(queue, "ann")[0])
    queue.skip("ann", view.lease_id, key=key())
    assert (values(store), [each.kind for each in store.review.events(batch_id="b1")]) == ([1, None], ["label"])
    with pytest.raises(LeaseEndedError):
        queue.label("ann", view.lease_id, 5, key=key())


def test_a_label_becomes_a_flag_and_a_flag_a_label(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    label(queue, "ann", 1)
    for state in ("flagged", "done"):
        _, view = queue.revise("ann", numbers(queue, "ann")[0])
        if state == "flagged":
            queue.flag("ann", view.lease_id, key=key())
        else:
            queue.label("ann", view.lease_id, 4, key=key())
        assert store.review.standing("b1-00000").state == state
        assert len(numbers(queue, "ann")) == 1


def test_what_is_taken_back_elsewhere_can_not_be_changed_into_a_second_label(
    queue: Queue, store: Store, add_batch: AddBatch
) -> None:
    add_batch(1)
    label(queue, "ann", 1)
    _, view = queue.revise("ann", numbers(queue, "ann")[0])
    queue.undo("ann", key=key())
    queue.free("ann")
    label(queue, "bob", 2)
    with pytest.raises(LeaseEndedError):
        queue.label("ann", view.lease_id, 5, key=key())
    assert (store.review.standing("b1-00000").n_labels, values(store)) == (1, [2])


def test_only_ones_own_labels_of_batches_that_are_open_or_decided_can_be_changed(
    queue: Queue, store: Store, add_batch: AddBatch
) -> None:
    add_batch(1)
    label(queue, "ann", 1)
    (number,) = numbers(queue, "ann")
    with pytest.raises(NothingToUndoError):
        queue.revise("bob", number)
    _, view = queue.revise("ann", number)
    queue.close("b1", "superseded by run 2")
    with pytest.raises(LeaseError, match="closed meanwhile"):
        queue.label("ann", view.lease_id, 5, key=key())
    with pytest.raises(NothingToUndoError):
        queue.revise("ann", number)
    queue.close("b1", "decided: passed")
    assert queue.revise("ann", number)[0].value == 1


def test_an_adjudicator_changes_what_was_settled(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(1, PAIR, wanted=2)
    for reviewer in ("ann", "bob"):
        view = take(queue, reviewer)
        side = "left" if view.item.answers[0].text.startswith("candidate") == (reviewer == "ann") else "right"
        queue.label(reviewer, view.lease_id, side, key=key())
    view = take(queue, "eve", task="adjudicate")
    queue.adjudicate("eve", view.lease_id, "tie", key=key())
    _, view = queue.revise("eve", numbers(queue, "eve")[0])
    queue.adjudicate("eve", view.lease_id, "bad", key=key())
    assert (values(store), store.review.standing("b1-00000").score) == (["bad"], 0.5)
