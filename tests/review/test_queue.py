"""None"""

from contextlib import AbstractContextManager
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine

from harness.errors import (
    LabelError,
    LeaseEndedError,
    LeaseError,
    LeaseExpiredError,
    NothingToUndoError,
    RepeatedKeyError,
    ReviewerError,
    ReviewError,
    UnknownItemError,
)
from harness.records.review import Event, Standing
from harness.review import Queue
from harness.review.queue import Remaining
from harness.store import Store
from tests.review.conftest import FORMS, NOW, AddBatch, Clock
from tests.review.queues import key, label, take


def done(store: Store) -> list[Standing]:
    """How the items of b1 stand that are done, in their order."""
    return [each for each in store.review.items_and_standings("b1")[1].values() if each.state == "done"]


@pytest.mark.service
def test_items_come_in_the_order_in_which_they_were_drawn(queue: Queue, add_batch: AddBatch) -> None:
    items = add_batch(3)
    assert [label(queue, "ann", 4).item.id for _ in items] == [item.id for item in items]
    assert queue.next("ann") is None


def test_an_item_is_given_to_one_reviewer_unless_more_are_wanted(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1)
    take(queue, "ann")
    assert queue.next("bob") is None
    add_batch(1, batch_id="b2", wanted=2)
    assert take(queue, "bob").item.id == take(queue, "eve").item.id == "b2-00000"
    assert queue.next("zoe") is None


@pytest.mark.parametrize("how", ["free", "disable"])
def test_what_a_reviewer_holds_goes_to_others_when_it_is_freed(queue: Queue, add_batch: AddBatch, how: str) -> None:
    add_batch(2)
    held = take(queue, "ann")
    take(queue, "ann", holding=[held.lease_id])
    (progress,) = queue.progress()
    assert (progress.held, progress.holders) == (2, {"ann": 2})
    getattr(queue, how)("ann")
    (progress,) = queue.progress()
    assert (progress.held, progress.holders) == (0, {})
    assert take(queue, "bob").item.id == held.item.id


def test_who_freed_an_item_may_still_label_it_while_nobody_else_has_it(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2)
    held = take(queue, "ann")
    queue.free("ann")
    with pytest.raises(LeaseExpiredError):
        queue.label("ann", held.lease_id, 4, key=key())
    assert queue.renew("ann", held.lease_id).item.id == held.item.id
    queue.free("ann")
    take(queue, "bob")
    with pytest.raises(LeaseExpiredError, match="gone to somebody else"):
        queue.renew("ann", held.lease_id)


def test_a_reviewer_gets_no_item_twice(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1, wanted=3)
    label(queue, "ann", 3)
    assert queue.next("ann") is None
    assert label(queue, "bob", 3).item.id == "b1-00000"


def test_taking_again_gives_the_item_that_is_held_with_a_new_expiry(
    queue: Queue, add_batch: AddBatch, clock: Clock
) -> None:
    add_batch(2)
    first = take(queue, "ann")
    clock.now += 500
    again = take(queue, "ann")
    assert (again.lease_id, again.expires) == (first.lease_id, first.expires + 500)


@pytest.mark.service
def test_the_next_item_can_be_taken_ahead(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2)
    first = take(queue, "ann")
    ahead = take(queue, "ann", holding=[first.lease_id])
    assert ahead.item.id == "b1-00001"
    assert queue.next("ann", holding=[first.lease_id, ahead.lease_id]) is None
    assert queue.next("bob") is None
    queue.label("ann", first.lease_id, 2, key=key())
    assert take(queue, "ann").lease_id == ahead.lease_id


def test_an_item_whose_lease_ran_out_goes_to_another(queue: Queue, add_batch: AddBatch, clock: Clock) -> None:
    add_batch(1)
    view = take(queue, "ann")
    clock.now += 600
    assert take(queue, "bob").item.id == view.item.id
    with pytest.raises(LeaseExpiredError, match=r"ran out 0 s ago, and nothing was stored\. Renew it"):
        queue.label("ann", view.lease_id, 3, key=key())
    with pytest.raises(LeaseExpiredError, match="gone to somebody else"):
        queue.renew("ann", view.lease_id)
    assert queue.progress()[0].labels == 0


def test_a_lease_that_ran_out_is_renewed_while_the_item_is_free(
    queue: Queue, add_batch: AddBatch, clock: Clock
) -> None:
    add_batch(1)
    view = take(queue, "ann")
    clock.now += 6000
    assert queue.renew("ann", view.lease_id).expires == clock.now + 600
    assert queue.label("ann", view.lease_id, 3, key=key()).standing.value == 3


def test_an_older_lease_of_an_item_is_not_renewed_beside_a_newer_one(
    queue: Queue, add_batch: AddBatch, clock: Clock
) -> None:
    add_batch(1, wanted=2)
    old = take(queue, "ann")
    clock.now += 700
    new = take(queue, "ann")
    assert new.lease_id != old.lease_id
    with pytest.raises(LeaseExpiredError):
        queue.renew("ann", old.lease_id)


def test_a_double_submit_is_one_label(queue: Queue, add_batch: AddBatch, store: Store) -> None:
    add_batch(1)
    view = take(queue, "ann")
    first = queue.label("ann", view.lease_id, 3, key="press-1")
    again = queue.label("ann", view.lease_id, 3, key="press-1")
    assert (again.event, again.standing) == (first.event, first.standing)
    assert (first.repeated, again.repeated) == (False, True)
    assert len(store.review.events(item_id=view.item.id)) == 1


def test_a_key_given_again_for_something_else_is_refused(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2)
    view = take(queue, "ann")
    queue.label("ann", view.lease_id, 3, key="press-1")
    with pytest.raises(RepeatedKeyError, match=r"belongs to another event \(label\)"):
        queue.label("ann", view.lease_id, 4, key="press-1")
    with pytest.raises(RepeatedKeyError):
        queue.skip("ann", take(queue, "ann").lease_id, key="press-1")
    with pytest.raises(RepeatedKeyError):
        queue.undo("ann", key="press-1")


def test_of_two_tabs_the_second_is_told(queue: Queue, add_batch: AddBatch, store: Store) -> None:
    add_batch(1)
    one, other = take(queue, "ann"), take(queue, "ann")
    queue.label("ann", one.lease_id, 3, key=key())
    with pytest.raises(LeaseEndedError, match="perhaps in another tab, and nothing was changed"):
        queue.label("ann", other.lease_id, 5, key=key())
    assert [event.value for event in store.review.events(item_id=one.item.id)] == [3]


def test_a_lease_is_its_reviewers_own(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1)
    view = take(queue, "ann")
    with pytest.raises(LeaseError, match="belongs to another reviewer"):
        queue.label("bob", view.lease_id, 3, key=key())
    with pytest.raises(LeaseError, match="There is no lease 'nonsense'"):
        queue.label("bob", "nonsense", 3, key=key())


@pytest.mark.service
@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("scale", 6, "The label 6 is none of this item's; those are 1, 2, 3, 4, 5, whole numbers."),
        ("scale", "3", "The label '3' is none"),
        ("scale", True, "The label True is none"),
        ("scale", None, "The label None is none"),
        ("preference", "first", "The label 'first' is none"),
    ],
)
def test_a_value_outside_the_form_is_refused_and_the_lease_stays(
    queue: Queue, add_batch: AddBatch, kind: str, value: Any, said: str
) -> None:
    add_batch(1, FORMS[kind])
    view = take(queue, "ann")
    with pytest.raises(LabelError) as refused:
        queue.label("ann", view.lease_id, value, key="press-1")
    assert said in str(refused.value)
    good = {"scale": 1, "preference": "tie"}[kind]
    assert not queue.label("ann", view.lease_id, good, key="press-1").repeated


def test_a_skipped_item_goes_to_others(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1)
    for _ in range(2):
        queue.skip("ann", take(queue, "ann").lease_id, key=key())
    assert queue.next("ann") is None
    assert take(queue, "bob").item.id == "b1-00000"


@pytest.mark.service
def test_a_flagged_item_waits_for_an_adjudicator(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1)
    flagged = queue.flag("ann", take(queue, "ann").lease_id, key=key(), note="the answer is cut")
    assert flagged.standing.state == "flagged"
    assert queue.next("bob") is None
    view = take(queue, "eve", task="adjudicate")
    assert queue.adjudicate("eve", view.lease_id, 2, key=key()).standing.state == "done"


def test_labels_that_differ_go_to_an_adjudicator_whose_label_counts(
    queue: Queue, add_batch: AddBatch, store: Store
) -> None:
    add_batch(2, wanted=2)
    for reviewer, values in (("ann", (5, 2)), ("bob", (3, 2))):
        for value in values:
            label(queue, reviewer, value)
    assert [(each.value, each.score) for each in done(store)] == [(2, 0.25)]
    view = take(queue, "eve", task="adjudicate")
    assert view.item.id == "b1-00000"
    assert queue.next("eve", task="adjudicate", holding=[view.lease_id]) is None
    assert queue.next("zoe", task="adjudicate") is None
    queue.adjudicate("eve", view.lease_id, 4, key=key())
    assert [(each.value, each.n_labels) for each in done(store)] == [(4, 2), (2, 2)]
    with pytest.raises(ReviewerError, match="'ann' is an annotator; only adjudicator and admin may adjudicate"):
        queue.next("ann", task="adjudicate")


def test_who_labelled_does_not_adjudicate_save_an_admin(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1, wanted=2)
    label(queue, "eve", 1)
    label(queue, "zoe", 2)
    assert queue.next("eve", task="adjudicate") is None
    view = take(queue, "zoe", task="adjudicate")
    queue.adjudicate("zoe", view.lease_id, 2, key=key())
    assert queue.undo("zoe", key=key()).done.standing.state == "disputed"
    assert queue.undo("zoe", key=key()).done.standing.n_labels == 1


@pytest.mark.service
def test_a_label_of_ones_own_counts_also_where_one_settled_the_item(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(1, wanted=2)
    label(queue, "ann", 1)
    label(queue, "zoe", 2)
    view = take(queue, "zoe", task="adjudicate")
    assert queue.progress("b1")[0].labels == 2
    queue.adjudicate("zoe", view.lease_id, 2, key=key())
    (progress,) = queue.progress("b1")
    assert progress.labels == 2
    assert [(each.reviewer, each.labels, each.adjudications) for each in progress.reviewers] == [
        ("ann", 1, 0),
        ("zoe", 1, 1),
    ]
    queue.undo("zoe", key=key())
    queue.undo("zoe", key=key())
    assert queue.progress("b1")[0].labels == 1


def test_undo_takes_back_the_last_label_and_gives_the_item_again(
    queue: Queue, add_batch: AddBatch, store: Store
) -> None:
    add_batch(2)
    view = label(queue, "ann", 1)
    undone = queue.undo("ann", key="undo-1")
    assert undone.view is not None
    assert (undone.view.item.id, undone.done.standing.state) == (view.item.id, "open")
    again = queue.undo("ann", key="undo-1")
    assert again.done.repeated
    assert again.view == undone.view
    queue.label("ann", undone.view.lease_id, 5, key=key())
    assert [event.kind for event in store.review.events(item_id=view.item.id)] == ["label", "undo", "label"]
    assert done(store)[0].value == 5


def test_undo_goes_back_step_by_step_through_labels_skips_and_flags(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(3)
    label(queue, "ann", 1)
    queue.skip("ann", take(queue, "ann").lease_id, key=key())
    queue.flag("ann", take(queue, "ann").lease_id, key=key())
    undone = [queue.undo("ann", key=key()).view for _ in range(3)]
    assert [view and view.item.id for view in undone] == ["b1-00002", "b1-00001", "b1-00000"]
    with pytest.raises(NothingToUndoError, match="ann has nothing that could be undone"):
        queue.undo("ann", key=key())
    assert queue.progress()[0].n_open == 3


@pytest.mark.service
def test_an_undone_skip_whose_item_was_taken_gives_no_view(queue: Queue, add_batch: AddBatch, store: Store) -> None:
    add_batch(1)
    queue.skip("ann", take(queue, "ann").lease_id, key=key())
    label(queue, "bob", 3)
    assert queue.undo("ann", key=key()).view is None
    assert done(store)[0].value == 3


@pytest.mark.service
def test_a_skipped_item_comes_once_more_when_nothing_else_is_left(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2)
    add_batch(1, batch_id="b2")
    skipped = take(queue, "ann")
    queue.skip("ann", skipped.lease_id, key=key())
    assert [label(queue, "ann", 3).item.id for _ in range(2)] == ["b1-00001", "b2-00000"]
    again = take(queue, "ann")
    assert again.item.id == skipped.item.id
    assert queue.renew("ann", again.lease_id).item.id == skipped.item.id
    queue.skip("ann", again.lease_id, key=key())
    assert queue.next("ann") is None
    assert queue.undo("ann", key=key()).view is not None
    assert take(queue, "ann").item.id == skipped.item.id


def test_what_is_undone_after_the_decision_can_be_labelled_anew(
    queue: Queue, add_batch: AddBatch, clock: Clock, store: Store
) -> None:
    add_batch(3)
    first = label(queue, "ann", 3)
    before = take(queue, "ann")
    clock.now += 1
    queue.close("b1", "decided: passed")
    assert queue.next("ann") is None
    again = queue.undo("ann", key=key()).view
    assert again is not None
    assert again.item.id == first.item.id
    assert take(queue, "ann").lease_id == again.lease_id
    assert queue.next("ann", holding=[again.lease_id]) is None
    queue.label("ann", again.lease_id, 4, key=key())
    assert [each.value for each in done(store)] == [4]
    with pytest.raises(LeaseEndedError):
        queue.label("ann", before.lease_id, 4, key=key())
    queue.close("b1", "closed by hand")
    assert queue.undo("ann", key=key()).view is None


def test_a_closed_batch_offers_nothing_and_takes_what_is_under_way(
    queue: Queue, add_batch: AddBatch, clock: Clock
) -> None:
    add_batch(3)
    add_batch(1, batch_id="b2")
    first, second = take(queue, "ann"), take(queue, "bob")
    clock.now += 1
    queue.close("b1", "no longer wanted")
    assert take(queue, "ann").item.batch_id == "b2"
    assert queue.label("bob", second.lease_id, 3, key=key()).standing.state == "done"
    assert queue.undo("bob", key=key()).view is None
    assert queue.progress("b1")[0].closed_reason == "no longer wanted"
    queue.reopen("b1")
    assert take(queue, "eve").item.id == first.item.id
    with pytest.raises(UnknownItemError, match="There is no batch 'nonsense'"):
        queue.close("nonsense", "")


def test_no_statement_changes_or_removes_an_event(queue: Queue, add_batch: AddBatch, store: Store) -> None:
    add_batch(3, wanted=2)
    issued: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        issued.append(" ".join(statement.split()).upper())

    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    try:
        label(queue, "ann", 3)
        label(queue, "zoe", 4)
        queue.adjudicate("eve", take(queue, "eve", task="adjudicate").lease_id, 4, key=key())
        queue.skip("ann", take(queue, "ann").lease_id, key=key())
        queue.undo("ann", key=key())
        queue.flag("ann", take(queue, "ann").lease_id, key=key())
        queue.undo("ann", key=key())
        store.review.import_labels([Event(0, "label", "b1-00002", "bob", NOW, "k", 3, 0.5)], NOW)
        queue.close("b1", "enough")
        queue.disable("ann")
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", note)
    of_events = [each.partition(" ")[0] for each in issued if "STEELYARD_REVIEW_EVENTS" in each]
    assert of_events.count("INSERT") == 8
    assert set(of_events) == {"INSERT", "SELECT"}


def test_what_a_gate_waits_for_comes_first(queue: Queue, add_batch: AddBatch, store: Store) -> None:
    for batch_id in ("b1", "b2", "b3", "b4"):
        add_batch(1, batch_id=batch_id)
    for batch_id in ("b2", "b4"):
        store.review.set_source(batch_id, "run", {"key": "of the same samples"})
    assert [label(queue, "ann", 3).item.batch_id for _ in range(4)] == ["b2", "b4", "b1", "b3"]


def test_a_reviewer_signs_in_with_a_token_of_which_a_hash_is_kept(queue: Queue, store: Store) -> None:
    token = queue.add_reviewer("new", "annotator")
    signed_in = queue.sign_in(token)
    assert signed_in is not None
    assert (signed_in.name, signed_in.role) == ("new", "annotator")
    assert queue.sign_in("guess") is None
    with store._database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM steelyard_reviewers").all()
    assert token not in repr(rows)
    assert queue.new_token("new") != token
    assert queue.sign_in(token) is None


def test_a_disabled_reviewer_does_nothing_any_more(queue: Queue, add_batch: AddBatch) -> None:
    add_batch(2)
    token = queue.new_token("ann")
    view = take(queue, "ann")
    queue.disable("ann")
    assert queue.sign_in(token) is None
    for act in (
        lambda: queue.next("ann"),
        lambda: queue.label("ann", view.lease_id, 3, key=key()),
        lambda: queue.undo("ann", key=key()),
        lambda: queue.renew("ann", view.lease_id),
    ):
        with pytest.raises(ReviewerError, match="'ann' is disabled"):
            act()
    assert {each.name: each.disabled is not None for each in queue.reviewers()}["ann"]


@pytest.mark.service
@pytest.mark.parametrize("name", ["", " ann", "a\nb", "x" * 65, "ann"])
def test_a_name_that_is_none_or_taken_is_refused(queue: Queue, name: str) -> None:
    with pytest.raises(ReviewerError):
        queue.add_reviewer(name)


def test_an_unknown_reviewer_and_role_are_told_with_the_nearest(queue: Queue) -> None:
    with pytest.raises(ReviewerError, match="Did you mean 'ann'"):
        queue.next("anne")
    with pytest.raises(ReviewerError, match=r"No role named 'amin'.*Did you mean 'admin'"):
        queue.add_reviewer("new", "amin")  # type: ignore[arg-type]


@pytest.mark.service
@pytest.mark.parametrize("bad", ["", "x" * 201])
def test_a_key_has_a_length(queue: Queue, add_batch: AddBatch, bad: str) -> None:
    add_batch(1)
    view = take(queue, "ann")
    with pytest.raises(ReviewError, match="A key has 1 to 200 characters"):
        queue.label("ann", view.lease_id, 3, key=bad)


@pytest.mark.service
def test_texts_of_any_kind_come_back_as_they_were_in_utf8(queue: Queue, add_batch: AddBatch, store: Store) -> None:
    add_batch(1)
    strange = "NUL \0, lone \ud800, שלום, <script>"
    view = take(queue, "ann")
    queue.label("ann", view.lease_id, 3, key="k\0", note=strange)
    (event,) = store.review.events(item_id=view.item.id)
    assert (event.note, event.key) == (strange.replace("\ud800", "?"), "k\0")


def test_what_is_before_the_eyes_is_not_offered_beside_itself_when_its_lease_ran_out(
    queue: Queue, add_batch: AddBatch, clock: Clock
) -> None:
    add_batch(2)
    first = take(queue, "ann")
    clock.now += 700
    assert take(queue, "ann", holding=[first.lease_id]).item.id == "b1-00001"
    assert queue.renew("ann", first.lease_id).item.id == "b1-00000"


@pytest.mark.service
def test_a_lease_that_runs_out_while_its_label_waits_for_a_turn_has_run_out(
    queue: Queue, add_batch: AddBatch, clock: Clock, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever got the item meanwhile would label it a second time."""
    add_batch(1)
    view = take(queue, "ann")

    class LateTurn(AbstractContextManager[None]):
        def __enter__(self) -> None:
            clock.now += 601

        def __exit__(self, *_: object) -> None: ...

    with monkeypatch.context() as late:
        late.setattr(store.review, "_turn", LateTurn())
        with pytest.raises(LeaseExpiredError):
            queue.label("ann", view.lease_id, 3, key=key())
    label(queue, "bob", 4)
    assert [event.reviewer for event in store.review.events(item_id=view.item.id)] == ["bob"]


@pytest.mark.nightly
@pytest.mark.parametrize("wanted", [1, 2])
def test_an_item_far_behind_that_is_free_again_comes_first(
    queue: Queue, add_batch: AddBatch, clock: Clock, wanted: int
) -> None:
    """The search begins behind what one has dealt with, or nobody wants any more, and goes back when that changes."""
    add_batch(130, wanted=wanted)
    for _ in range(120):
        label(queue, "ann", 3)
    assert take(queue, "ann").item.id == "b1-00120"
    if wanted == 1:
        assert label(queue, "bob", 3).item.id == "b1-00121"
        assert label(queue, "bob", 3).item.id == "b1-00122"
    for _ in range(120):
        queue.undo("ann", key=key())
    clock.now += 700
    assert take(queue, "ann").item.id == "b1-00000"
    assert take(queue, "bob").item.id == ("b1-00001" if wanted == 1 else "b1-00000")


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
    assert (queue.count("label"), queue.count("adjudicate")) == (Remaining(5, 4), Remaining(0, 2))
    view = queue.next("eve", task="adjudicate")
    assert view is not None
    queue.exclude("eve", view.lease_id, "no text", key=key())
    assert queue.count("adjudicate") == Remaining(1, 1)
    queue.close("b1", "by hand")
    assert queue.count("label") == queue.count("adjudicate") == Remaining(0, 0)


def test_the_pace_is_the_median_time_between_events(queue: Queue, add_batch: AddBatch, clock: Clock) -> None:
    add_batch(5)
    for pause in (4, 6, 8, 3000, 0):
        label(queue, "ann", 3)
        clock.now += pause
    assert queue.progress()[0].seconds_per_label == 6.0
