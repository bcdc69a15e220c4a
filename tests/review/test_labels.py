"""What people said of a run's answers, for those who report it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records.review import Event
from harness.review import Queue
from harness.review.labels import labels_of_run
from harness.store import Store
from tests.review import runs
from tests.review.conftest import PAIR, SCALE


@pytest.mark.service
def test_labels_in_force_are_told_with_the_answer_that_they_are_of(store: Store) -> None:
    run = runs.add_run(store)
    batch = runs.add_batch(store, run, SCALE, roles=("candidate", "baseline"), n_items=8)
    queue = Queue(store)
    queue.add_reviewer("ann", "annotator")
    given = {}
    for number in range(4):
        view = queue.next("ann")
        assert view is not None
        if number == 2:
            queue.skip("ann", view.lease_id, key=f"k{number}")
            continue
        queue.label("ann", view.lease_id, number + 1, key=f"k{number}", note=f"note {number}")
        given[view.item.id] = number + 1
    queue.undo("ann", key="back")
    given.popitem()
    found = labels_of_run(store, run.run_id)
    items = {item.id: item for item in store.review.items(batch.id)}
    expected = [
        (items[item].case_id, items[item].answers[0].version, value, items[item].judge_score, "ann")
        for item, value in given.items()
    ]
    names = {"candidate": "small", "baseline": "large"}
    assert [(each.case_id, names[each.part], each.value, each.judge_score, each.reviewer) for each in found] == expected
    assert [each.note for each in found] == ["note 0", "note 1"]


def test_a_preference_belongs_to_both_answers(store: Store) -> None:
    run = runs.add_run(store)
    runs.add_batch(store, run, PAIR, n_items=2)
    queue = Queue(store)
    queue.add_reviewer("ann", "annotator")
    view = queue.next("ann")
    assert view is not None
    queue.label("ann", view.lease_id, "tie", key="k")
    (found,) = labels_of_run(store, run.run_id)
    assert (found.part, found.value, found.score) == ("pair", "tie", 0.5)


def test_labels_of_another_run_are_left_out_unless_their_batch_is_named(store: Store) -> None:
    run = runs.add_run(store)
    batch = runs.add_batch(store, run, SCALE, n_items=2)
    queue = Queue(store)
    queue.add_reviewer("ann", "annotator")
    view = queue.next("ann")
    assert view is not None
    queue.label("ann", view.lease_id, 3, key="k")
    assert labels_of_run(store, "another") == []
    assert [replace(each, time=0.0) for each in labels_of_run(store, "another", [batch.id])] == [
        replace(each, time=0.0) for each in labels_of_run(store, run.run_id)
    ]


def test_a_label_that_its_reviewer_replaced_is_told_nowhere(store: Store) -> None:
    """The newest by its time counts, wherever it stands in the store; the history stays there."""
    run = runs.add_run(store)
    batch_id = runs.add_batch(store, run, SCALE, n_items=2).id
    queue = Queue(store)
    for name in ("ann", "eve"):
        queue.add_reviewer(name, "adjudicator")
    item, _ = store.review.items(batch_id)
    said = [("ann", "label", 5, 20.0), ("ann", "label", 1, 10.0), ("eve", "adjudicate", 4, 40.0)]
    said.append(("ann", "adjudicate", 2, 30.0))
    for number, (name, kind, value, time) in enumerate(said):
        event = Event(0, kind, item.id, name, time, f"k{number}", value=value, score=(value - 1) / 4)
        store.review.import_labels([event], 50.0)
        if number == 1:
            assert store.review.standing(item.id).value == 5
    assert [(each.reviewer, each.value) for each in labels_of_run(store, run.run_id)] == [("ann", 5), ("eve", 4)]
    assert store.review.standing(item.id).value == 4
    assert len(store.review.events(item_id=item.id)) == 4
