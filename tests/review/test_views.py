"""What a reviewer sees of an item before the label, and after it."""

import pytest

from harness.records.review import Answer
from harness.review import Queue
from harness.store import Store
from tests.review.conftest import PAIR, SCALE, AddBatch
from tests.review.queues import key, take

pytestmark = pytest.mark.service


def test_a_view_shows_what_is_asked(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1)
    view = take(queue, "ann")
    assert view.form == SCALE
    assert view.item.messages == ({"role": "user", "content": "Question 0?"},)
    assert view.item.answers == (Answer("candidate's answer 0"),)
    assert view.item.reference == "reference 0"


def test_a_pair_is_seen_in_an_order_of_the_reviewers_own_that_is_stored(
    queue: Queue, add_batch: AddBatch, store: Store
) -> None:
    add_batch(40, PAIR, wanted=2)
    seen: dict[str, list[bool]] = {}
    for reviewer in ("ann", "bob"):
        for _ in range(40):
            view = take(queue, reviewer)
            seen.setdefault(reviewer, []).append(view.item.answers[0].text.startswith("baseline"))
            event = queue.label(reviewer, view.lease_id, "left", key=key()).event
            assert event.swapped == seen[reviewer][-1]
            assert event.value == ("second" if event.swapped else "first")
            assert event.score == (0.0 if event.swapped else 1.0)
    assert 8 < sum(seen["ann"]) < 32
    assert seen["ann"] != seen["bob"]
