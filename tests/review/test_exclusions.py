"""Items that an adjudicator leaves out: for a reason, on either database, back with an undo, in no one's way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import LabelError, LeaseError, ReviewerError, ReviewError
from harness.review import Queue
from harness.review.batches.draws import read_ledger
from harness.review.queue import View
from harness.store import Store
from tests.review.conftest import PAIR, SCALE, AddBatch, batch_of


def flagged(queue: Queue, reviewer: str = "eve") -> View:
    """The item that ann flagged, for an adjudicator."""
    view = queue.next("ann")
    assert view is not None
    queue.flag("ann", view.lease_id, key=f"flag {view.item.id}", note="cut")
    found = queue.next(reviewer, task="adjudicate")
    assert found is not None
    return found


def test_an_excluded_item_is_settled_with_its_reason(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2, SCALE)
    view = flagged(queue)
    done = queue.exclude("eve", view.lease_id, "  the passage is missing ", key="x")
    assert (done.standing.state, done.standing.value, done.standing.score) == ("excluded", None, None)
    ((item, event),) = queue.excluded("b1")
    assert (item.id, event.reviewer, event.note) == (view.item.id, "eve", "the passage is missing")
    (progress,) = queue.progress("b1")
    assert (progress.n_excluded, progress.n_flagged, progress.n_open, progress.n_items) == (1, 0, 1, 2)
    assert {each.reviewer: each.exclusions for each in progress.reviewers} == {"ann": 0, "eve": 1}
    assert queue.next("zoe", task="adjudicate") is None
    assert queue.exclude("eve", view.lease_id, "the passage is missing", key="x").repeated


@pytest.mark.service
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_exclusion_without_a_reason_is_refused(queue: Queue, add_batch: AddBatch, reason: str) -> None:
    add_batch(1)
    view = flagged(queue)
    with pytest.raises(LabelError, match="excluded for a reason"):
        queue.exclude("eve", view.lease_id, reason, key="x")
    assert queue.progress("b1")[0].n_flagged == 1


def test_only_adjudicators_exclude_and_only_what_they_adjudicate(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2)
    view = queue.next("ann")
    assert view is not None
    with pytest.raises(ReviewerError, match="only adjudicator and admin may adjudicate"):
        queue.exclude("ann", view.lease_id, "why", key="x")
    labelling = queue.next("eve")
    assert labelling is not None
    with pytest.raises(LeaseError, match="given out to label"):
        queue.exclude("eve", labelling.lease_id, "why", key="y")
    assert queue.progress("b1")[0].n_excluded == 0


def test_an_undo_brings_it_back_and_a_later_word_counts(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1)
    queue.exclude("eve", flagged(queue).lease_id, "why", key="x")
    view = queue.undo("eve", key="u").view
    assert view is not None
    assert queue.adjudicate("eve", view.lease_id, 3, key="a").standing.value == 3
    assert queue.excluded("b1") == []


def test_a_settled_item_can_be_looked_at_and_no_other(queue: Queue, add_batch: AddBatch) -> None:
    items = add_batch(2)
    view = flagged(queue)
    queue.exclude("eve", view.lease_id, "why", key="x")
    assert queue.reveal(view.item.id).id == view.item.id
    (other,) = (item.id for item in items if item.id != view.item.id)
    with pytest.raises(ReviewError, match="is open: what is known of it is shown once it is settled"):
        queue.reveal(other)


@pytest.mark.service
@pytest.mark.parametrize("form", [SCALE, PAIR], ids=["scale", "pair"])
def test_a_gates_ledger_goes_on_behind_an_excluded_item(
    queue: Queue, add_batch: AddBatch, store: Store, form: object
) -> None:
    draw = {
        "version": 0,
        "case": 0,
        "samples": [0],
        "probability": 0.5,
        "judged": [0.75],
        "predicted": [0.7],
        "expected": [0.6],
        "passed": [],
        "known_passed": [],
        "floor": 0.1,
        "rules": {"rate": [-1.0, 2.0, 0.1, 0.1]},
    }
    add_batch(2, form, draw=draw)  # type: ignore[arg-type]
    queue.exclude("eve", flagged(queue).lease_id, "why", key="x")
    view = queue.next("ann")
    assert view is not None
    queue.label("ann", view.lease_id, "tie" if form is PAIR else 3, key="l")
    ledger = read_ledger(store, store.review.batch("b1"), 1)
    assert ledger.excluded[:, 0].tolist() == [True, False]
    assert ledger.labels[:, 0] == pytest.approx(np.array([0.7, 0.5]))
    assert (ledger.n_counting, ledger.n_open) == (2, 0)


@pytest.mark.service
def test_a_merge_takes_exclusions_along(queue: Queue, add_batch: AddBatch, store: Store, tmp_path: Path) -> None:
    add_batch(1)
    queue.exclude("eve", flagged(queue).lease_id, "why", key="x")
    with Store.open(str(tmp_path / "other.db")) as other:
        other.merge(store)
        assert [event.note for _, event in Queue(other).excluded("b1")] == ["why"]


def test_what_is_excluded_has_no_part_in_agreement(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1)
    queue.exclude("eve", flagged(queue).lease_id, "why", key="x")
    report = queue.agreement("b1")
    assert report.judge is None
    assert batch_of(1)[0].judge_score is not None
