"""Several questions in one form, passages that are marked, and pairs of which both answers are bad."""

from dataclasses import replace
from typing import Any

import pytest

from harness.errors import LabelError
from harness.records.review import FormQuestion
from harness.review import Queue
from harness.review.exchange import import_items
from harness.store import Store
from tests.review.conftest import NOW, PAIR, SCALE, AddBatch
from tests.review.exchange.queues import FORMATS, share
from tests.review.queues import key, take

ASKED = (FormQuestion("Tone", ("rude", "neutral", "friendly")), FormQuestion("Helpful", ("no", "yes")))
SEVERAL = replace(SCALE, questions=ASKED)
POLITE = {"answers": {"Tone": "friendly", "Helpful": "no"}}


@pytest.mark.parametrize(
    ("details", "error"),
    [
        ({}, "Answer Helpful, Tone, too"),
        ({"answers": {"Tone": "rude"}}, "Answer Helpful, too"),
        ({"answers": {**POLITE["answers"], "Tone": "loud"}}, "'Tone' has the answers rude, neutral, friendly"),
        ({"answers": {**POLITE["answers"], "Mood": "good"}}, "the form asks Tone, Helpful"),
        ({**POLITE, "marks": [(1, "x")]}, "an answer that the item does not have"),
        ({**POLITE, "marks": [(0, "x")] * 21}, "At most 20 passages"),
        ({**POLITE, "marks": [(0, "x" * 2_001)]}, "At most 20 passages of 2,000 characters"),
    ],
)
def test_a_label_answers_all_that_is_asked_or_nothing_is_stored(
    queue: Queue, store: Store, add_batch: AddBatch, details: dict[str, Any], error: str
) -> None:
    add_batch(1, SEVERAL)
    view = take(queue, "ann")
    with pytest.raises(LabelError, match=error):
        queue.label("ann", view.lease_id, 3, key=key(), details=details)
    assert store.review.events(batch_id="b1") == []
    queue.label("ann", view.lease_id, 3, key=key(), details=POLITE)
    assert store.review.standing("b1-00000").score == 0.5


def test_the_first_question_decides_and_the_others_are_counted(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    """Reviewers who differ in nothing but another question are in no dispute."""
    add_batch(3, SEVERAL, wanted=2)
    for reviewer, tones in (("ann", ("rude", "neutral", "friendly")), ("bob", ("rude", "neutral", "rude"))):
        for tone in tones:
            view = take(queue, reviewer)
            details = {"answers": {"Tone": tone, "Helpful": "yes"}}
            queue.label(reviewer, view.lease_id, 4, key=key(), details=details)
    assert queue.progress("b1")[0].n_done == 3
    tone, helpful = queue.agreement("b1").questions
    assert tone.counts == {"rude": 3, "neutral": 2, "friendly": 1}
    assert tone.people.estimate is not None
    assert tone.people.estimate.n_units == 3
    assert (helpful.counts["yes"], helpful.people.estimate) == (6, None)


def test_that_both_are_bad_is_a_tie_that_nobody_disputes(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(2, PAIR, wanted=2, judge_score=0.5)
    for reviewer, values in (("ann", ("bad", "tie")), ("bob", ("tie", "bad"))):
        for value in values:
            view = take(queue, reviewer)
            queue.label(reviewer, view.lease_id, value, key=key())
    standings = [store.review.standing(f"b1-0000{n}") for n in range(2)]
    assert [(each.state, each.value, each.score) for each in standings] == [("done", "bad", 0.5), ("done", "tie", 0.5)]
    report = queue.agreement("b1")
    assert (report.n_differing, report.n_bad) == (0, 2)
    assert report.judge is not None
    assert report.judge.n_same == 2


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("form", [SEVERAL, replace(PAIR, questions=ASKED)], ids=["scale", "pair"])
def test_answers_and_marks_go_into_a_file_and_back(
    queue: Queue, store: Store, add_batch: AddBatch, name: str, form: Any
) -> None:
    """A mark is in the answer in which it was seen, on whichever side that was for whom."""
    add_batch(6, form)
    for _ in range(6):
        view = take(queue, "ann")
        marks = [(at, answer.text[:9]) for at, answer in enumerate(view.item.answers)]
        queue.label("ann", view.lease_id, "bad" if form.is_pair else 2, key=key(), details={**POLITE, "marks": marks})
    stored = [event.details for event in store.review.events(batch_id="b1")]
    sides = ["candidate", "baseline'"][: 1 + form.is_pair]
    for details in stored:
        assert details["answers"] == POLITE["answers"]
        assert sorted(details["marks"]) == [[at, side] for at, side in enumerate(sides)]
    shared = FORMATS[name].read(FORMATS[name].write(share(store, unblind=True)))
    renamed = [
        replace(each, item=f"new-{at}", labels=tuple(replace(label, note="") for label in each.labels))
        for at, each in enumerate(shared)
    ]
    assert import_items(store.review, renamed, NOW).labels == 6
    new = [event.details for at in range(6) for event in store.review.events(item_id=f"new-{at}")]
    assert [each["answers"] for each in new] == [POLITE["answers"]] * 6
    for each in shared:
        for place, text in each.labels[0].marks:
            assert each.answers[place].startswith(text)
