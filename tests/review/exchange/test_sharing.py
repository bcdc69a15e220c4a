"""Items and labels leave the queue and come back into it, in every format."""

from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ReviewFileError, UnknownItemError
from harness.records.review import Batch, Event
from harness.review import Queue
from harness.review.exchange import import_items
from harness.review.exchange.sharing import GivenLabel, SharedExclusion
from harness.store import Store
from tests.review.conftest import FORMS, NOW, PAIR, SCALE, AddBatch, batch_of
from tests.review.exchange.queues import FORMATS, VALUES, label_of, label_some, share
from tests.store.conftest import NewUrl, OpenStore

pytestmark = pytest.mark.service

EVERY_KIND = sorted(FORMS)


def canonical(store: Store) -> set[tuple[Any, ...]]:
    """What counts of a queue: who said what of which answer, and how each item stands."""
    found: set[tuple[Any, ...]] = set()
    for batch in store.review.batches():
        items, standings = store.review.items_and_standings(batch.id)
        for item in items:
            events = store.review.events(item_id=item.id)
            said = tuple(sorted((e.reviewer, e.kind, e.value, e.score, e.note, e.time) for e in events))
            texts = tuple(answer.text for answer in item.answers)
            found.add((batch.form, item.case_id, texts, item.wanted, said, standings[item.id]))
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_an_unblind_export_says_who_excluded_an_item_why_and_when(
    queue: Queue, store: Store, add_batch: AddBatch, name: str
) -> None:
    add_batch(2)
    for place, reason in enumerate(("the passage is missing", "=1+1")):
        view = queue.next("ann")
        assert view is not None
        queue.flag("ann", view.lease_id, key=f"f{place}")
        taken = queue.next("eve", task="adjudicate")
        assert taken is not None
        queue.exclude("eve", taken.lease_id, reason, key=f"x{place}")
    queue.undo("eve", key="u")
    shared = share(store, unblind=True)
    assert [each.excluded for each in shared] == [SharedExclusion("eve", "the passage is missing", NOW), None]
    text = FORMATS[name].write(shared)
    assert "the passage is missing" in text
    assert "the passage is missing" not in FORMATS[name].write(share(store, unblind=False))
    assert import_items(store.review, FORMATS[name].read(text), NOW).items == 0


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", FORMATS)
def test_an_unblind_export_makes_the_same_queue_elsewhere_but_for_what_is_hidden(
    queue: Queue, store: Store, add_batch: AddBatch, new_url: NewUrl, open_store: OpenStore, name: str, kind: str
) -> None:
    add_batch(3, FORMS[kind], wanted=2)
    label_some(queue, kind)
    given = share(store, unblind=True)
    shared = FORMATS[name].read(FORMATS[name].write(given))
    assert shared == [replace(each, hidden=None) for each in given]
    target = open_store(new_url())
    assert import_items(target.review, shared, NOW).labels == 5
    assert canonical(target) == canonical(store)
    again = import_items(target.review, shared, NOW)
    assert (again.batches, again.items, again.labels) == (0, 0, 0)
    assert import_items(store.review, shared, NOW).labels == 0


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", FORMATS)
def test_a_blind_export_holds_nothing_that_sways(
    queue: Queue, store: Store, add_batch: AddBatch, name: str, kind: str
) -> None:
    add_batch(3, FORMS[kind], wanted=2)
    label_some(queue, kind)
    text = FORMATS[name].write(share(store, unblind=False))
    for secret in ("secret", "fingerprint-", "ann", "bob", "eve", "0.77", "0.123", (b"k" * 16).hex()):
        assert secret not in text
    assert "answer 2" in text


def test_a_blind_pair_has_its_answers_in_an_order_that_tells_nothing(store: Store, add_batch: AddBatch) -> None:
    add_batch(40, PAIR)
    first = [each.answers[0].startswith("candidate") for each in share(store, unblind=False)]
    assert 8 < sum(first) < 32


@pytest.mark.parametrize("name", FORMATS)
def test_a_preference_given_elsewhere_counts_for_the_right_answer(store: Store, add_batch: AddBatch, name: str) -> None:
    items = add_batch(10, PAIR)
    blind = FORMATS[name].read(FORMATS[name].write(share(store, unblind=False)))
    prefers_candidate = [
        replace(each, labels=(label_of("left" if each.answers[0].startswith("candidate") else "right"),))
        for each in blind
    ]
    import_items(store.review, FORMATS[name].read(FORMATS[name].write(prefers_candidate)), NOW)
    assert [store.review.standing(item.id).value for item in items] == ["first"] * len(items)


def test_an_imported_label_fills_an_item_that_is_waiting(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(2)
    (first, _) = share(store, unblind=False)
    import_items(store.review, [replace(first, labels=(label_of(5),))], NOW)
    assert store.review.standing(first.item).score == 1.0
    view = queue.next("bob")
    assert view is not None
    assert view.item.id == "b1-00001"


def test_an_unknown_reviewer_of_a_file_is_added_without_a_token(
    queue: Queue, store: Store, add_batch: AddBatch
) -> None:
    add_batch(1)
    (first,) = share(store, unblind=False)
    import_items(store.review, [replace(first, labels=(replace(label_of(5), reviewer="new"),))], NOW)
    assert {each.name: each.role for each in queue.reviewers()}["new"] == "annotator"
    assert queue.sign_in("") is None


def test_one_bad_label_of_a_file_brings_nothing_in(store: Store, add_batch: AddBatch) -> None:
    add_batch(2)
    first, second = share(store, unblind=False)
    bad = [replace(first, labels=(label_of(5),)), replace(second, labels=(label_of(9),))]
    with pytest.raises(ReviewFileError, match="Item b1-00001, label of 'ann': The label 9 is none of this item's"):
        import_items(store.review, bad, NOW)
    assert store.review.events(batch_id="b1") == []


@pytest.mark.parametrize("what", ["case", "answer", "form"])
@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", FORMATS)
def test_a_label_of_another_text_or_form_is_refused(
    store: Store, add_batch: AddBatch, name: str, kind: str, what: str
) -> None:
    """A label counts by the form that the queue has: another scoring in the file would decide."""
    add_batch(2, FORMS[kind])
    first, second = share(store, unblind=False)
    form = replace(second.form, title="Another")
    changes = {"case": first.case, "answer": (*second.answers[1:], "another"), "form": form}
    changed = replace(second, labels=(label_of(VALUES[kind][0]),))
    changed = replace(changed, **{{"answer": "answers"}.get(what, what): changes[what]})
    with pytest.raises(ReviewFileError, match=rf"[2-3], item {second.item}: its {what} in the file is not the one"):
        import_items(store.review, FORMATS[name].read(FORMATS[name].write([first, changed])), NOW)
    assert store.review.events(batch_id="b1") == []


def test_batches_and_labels_are_stored_together_or_not_at_all(store: Store, add_batch: AddBatch) -> None:
    batch = Batch("new", NOW, "suites/test.py::test", SCALE)
    label = Event(0, "label", "no such item", "ann", NOW, "k", 3, 0.5)
    with pytest.raises(UnknownItemError):
        store.review.import_labels([label], NOW, [(batch, batch_of(1, batch_id="new"))])
    assert store.review.batches() == []
    assert store.review.reviewers() == []


def test_a_reviewer_who_goes_back_to_an_earlier_label_is_heard(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    """By three files without times: 4, then 1, then 4 again."""
    add_batch(1)
    (blank,) = share(store, unblind=False)
    for now, value in enumerate((4, 1, 4, 1), 1):
        shared = [replace(blank, labels=(label_of(value),))]
        assert [import_items(store.review, shared, NOW - now).labels for _ in range(2)] == [1, 0]
        assert store.review.standing("b1-00000").value == value
    (unblind,) = share(store, unblind=True)
    assert [label.value for label in unblind.labels] == [1]
    assert import_items(store.review, [unblind], NOW).labels == 0


def test_of_several_labels_of_a_reviewer_in_a_file_the_newest_counts(store: Store, add_batch: AddBatch) -> None:
    add_batch(3)
    first, second, third = share(store, unblind=False)
    shared = [
        replace(first, labels=(label_of(2), label_of(5))),
        replace(second, labels=(GivenLabel(2, "ann", time=20.0), GivenLabel(5, "ann", time=10.0))),
        replace(third, labels=(GivenLabel(3, "ann"), GivenLabel(5, "ann", time=10.0), GivenLabel(4, "bob", time=10.0))),
    ]
    assert import_items(store.review, shared, NOW).labels == 4
    values = [store.review.standing(each.item).value for each in shared]
    assert values == [5, 2, None]
    assert import_items(store.review, shared, NOW).labels == 0
    older = [replace(second, labels=(GivenLabel(4, "ann", time=15.0),))]
    assert import_items(store.review, older, NOW).labels == 0
    changed = [replace(second, labels=(GivenLabel(4, "ann", time=20.0),))]
    assert import_items(store.review, changed, NOW).labels == 1
    assert store.review.standing(second.item).value == 4
