"""How far batches and reviewers are."""

import pytest

from harness.review import Queue
from tests.review.conftest import AddBatch, Clock
from tests.review.queues import key, label, take

pytestmark = pytest.mark.service


def test_progress_counts_labels_by_state_and_reviewer(queue: Queue, add_batch: AddBatch, clock: Clock) -> None:
    add_batch(5, wanted=2)
    for value in (1, 2, 3):
        label(queue, "ann", value)
        clock.now += 8
    label(queue, "bob", 1)
    label(queue, "bob", 5)
    queue.flag("bob", take(queue, "bob").lease_id, key=key())
    queue.skip("bob", take(queue, "bob").lease_id, key=key())
    take(queue, "bob")
    (progress,) = queue.progress()
    assert (progress.n_items, progress.n_open, progress.n_done) == (5, 2, 1)
    assert (progress.n_disputed, progress.n_flagged) == (1, 1)
    assert (progress.labels, progress.left, progress.held) == (5, 4, 1)
    assert {each.reviewer: (each.labels, each.skips, each.flags) for each in progress.reviewers} == {
        "ann": (3, 0, 0),
        "bob": (2, 1, 1),
    }
    assert progress.seconds_per_label == 0.0
    assert queue.progress("b1") == [progress]


def test_the_pace_is_the_median_time_between_events(queue: Queue, add_batch: AddBatch, clock: Clock) -> None:
    add_batch(5)
    for pause in (4, 6, 8, 3000, 0):
        label(queue, "ann", 3)
        clock.now += pause
    assert queue.progress()[0].seconds_per_label == 6.0
