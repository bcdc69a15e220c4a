"""The practice round: items with known labels, before a reviewer's first label by the same form."""

from dataclasses import replace

from harness.gate.people.batches import fill_batch
from harness.records.review import Batch
from harness.review import Queue
from harness.review.batches.draws import subject_of
from harness.review.batches.population import ReviewPlan
from harness.statistics.labels.draws import LabelQuestion
from harness.store import Store
from harness.store.schema import items
from tests.review import runs
from tests.review.conftest import PAIR, SCALE, AddBatch, batch_of
from tests.review.queues import key, label, take


def settle(queue: Queue, value: object = 2, note: str = "the year is wrong") -> None:
    """Have ann flag the next item, and eve settle it."""
    queue.flag("ann", take(queue, "ann").lease_id, key=key())
    queue.adjudicate("eve", take(queue, "eve", task="adjudicate").lease_id, value, key=key(), note=note)


def known(queue: Queue, reviewer: str = "bob") -> list[tuple[object, str]]:
    return [(each.value, each.note) for each in queue.practice(reviewer)]


def test_known_are_settled_labels_and_those_that_several_agree_in(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(3, batch_id="old", wanted=2)
    settle(queue)
    for reviewer in ("ann", "zoe"):
        label(queue, reviewer, 4)
    label(queue, "ann", 5)
    assert known(queue) == [], "there is nothing else to label, so that there is nothing to practise for"
    queue.close("old", "closed by zoe")
    add_batch(2, batch_id="new", case_id="other")
    assert known(queue) == [(2, "the year is wrong"), (4, "")]
    assert known(queue, "ann") == [], "she has labelled by this form"
    (first, _) = queue.practice("bob")
    assert first.view.item.answers[0].version is None
    label(queue, "bob", 5)
    assert known(queue) == []


def test_nothing_is_known_of_another_form_or_of_an_answer_that_is_asked_about(
    queue: Queue, add_batch: AddBatch
) -> None:
    add_batch(2, batch_id="old")
    settle(queue)
    settle(queue)
    add_batch(1, replace(SCALE, rubric="another"), batch_id="other")
    assert known(queue) == []
    add_batch(1, batch_id="new")
    assert len(known(queue)) == 1, "case 0 is asked about anew, with the same answer"


def test_nothing_is_known_of_what_a_gate_still_draws_from(queue: Queue, store: Store) -> None:
    run, asked = runs.add_run(store, n_cases=60), [LabelQuestion("rate", 0.7, 0.08)]
    plan = ReviewPlan(runs.EVALUATION, "score", SCALE, ("candidate",))
    old = fill_batch(store, run, subject_of(store, run, plan, "all"), asked, "all")
    old.settle()
    settle(queue)
    queue.close(old.batch.id, "decided: passed")
    rerun = runs.add_run(store, "20261125-161500-0a1b2c", n_cases=60)
    store.review.add_batch(Batch("more", 1.0, "another", SCALE), batch_of(1, batch_id="more", case_id="other"))
    assert len(known(queue)) == 1
    new = fill_batch(store, rerun, subject_of(store, rerun, plan, "uncertain"), asked, "uncertain")
    assert known(queue) == []
    queue.close(new.batch.id, "closed by zoe")
    assert len(known(queue)) == 1
    queue.reopen(old.batch.id)
    with store.review.turn() as connection:
        connection.execute(items.delete().where(items.c.state == "open", items.c.batch_id == old.batch.id))
    assert known(queue) == [], "it may still draw"


def test_of_a_pair_the_known_label_is_on_the_side_that_is_seen(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(8, PAIR, batch_id="old")
    for _ in range(5):
        queue.flag("ann", take(queue, "ann").lease_id, key=key())
        view = take(queue, "eve", task="adjudicate")
        better = "left" if view.item.answers[0].text.startswith("candidate") else "right"
        queue.adjudicate("eve", view.lease_id, better, key=key())
    queue.close("old", "decided: passed")
    add_batch(1, PAIR, batch_id="new", case_id="other")
    practice = queue.practice("bob")
    assert len(practice) == 5
    for each in practice:
        left = each.view.item.answers[0].text.startswith("candidate")
        assert each.value == ("left" if left else "right")


def test_practice_leaves_no_trace(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(1, batch_id="old")
    settle(queue)
    add_batch(1, batch_id="new", case_id="other")
    before = store.review.last_event()
    assert queue.practice("bob")
    assert (store.review.last_event(), [each.held for each in queue.progress()]) == (before, [0, 0])
