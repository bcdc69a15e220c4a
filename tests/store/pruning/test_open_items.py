"""Items that wait for people are counted where a prune takes what they rest on."""

import pytest

from harness.records.review import Form, LabelChoice
from harness.review import Queue
from harness.review.batches.filling import add_run
from harness.review.batches.plans import ReviewPlan
from harness.store import Store
from tests.review import runs as reviewed
from tests.store.drawn import DAY_S, NOW, Clock

pytestmark = pytest.mark.service

FORM = Form("scale", "Faithful", choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(3, "right", 1.0)))


def test_a_prune_counts_the_items_whose_answers_or_run_go_and_that_wait(store: Store, at: type[Clock]) -> None:
    run = reviewed.add_run(store)
    batch = add_run(store, run, ReviewPlan(reviewed.EVALUATION, "score", FORM, draws=5)).batch
    assert store.prune(fingerprints=["f1"], dry_run=True).waiting == 0
    assert store.prune(fingerprints=["f0"], dry_run=True).waiting == 5
    queue = Queue(store)
    queue.add_reviewer("ann")
    view = queue.next("ann")
    assert view is not None
    queue.label("ann", view.lease_id, 3, key="k")
    at.now = NOW + 2 * DAY_S
    assert store.prune(older_than_s=DAY_S, dry_run=True).waiting == 4
    queue.close(batch.id, "enough")
    assert store.prune(older_than_s=DAY_S, dry_run=True).waiting == 0
    queue.reopen(batch.id)
    assert store.prune(fingerprints=["f0"]).waiting == 4
    assert store.prune(older_than_s=DAY_S).waiting == 4  # now their run goes
    assert store.prune(older_than_s=0.0).waiting == 0
