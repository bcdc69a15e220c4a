import json
from dataclasses import asdict, replace

import pytest

from harness.errors import ReviewError
from harness.records.review import Batch, Event, Form, LabelChoice, Standing
from harness.review.counting import counted
from harness.review.exchange import find_format, import_items
from harness.review.exchange.sharing import exported
from harness.store import Store
from tests.review.conftest import NOW, SCALE, batch_of

WRONG = replace(SCALE, choices=(LabelChoice(1, "poor", 1.0), LabelChoice(5, "good", 5.0)))


@pytest.mark.parametrize(
    ("standing", "score"),
    [
        (Standing("done", 1, 4, 0.75), 0.75),
        (Standing("done", 1, 4, 0.0), 0.0),
        (Standing("done", 1, "a text", None), None),
        (Standing("disputed", 2), None),
        (Standing("open", 0), None),
    ],
)
def test_the_label_that_counts_is_worth_its_score(standing: Standing, score: float | None) -> None:
    (item,) = batch_of(1)
    assert counted(SCALE, item, standing) == score


@pytest.mark.parametrize("score", [-0.5, 1.5, 4.0, float("inf"), float("nan")])
def test_a_label_that_counts_for_no_score_is_refused_with_batch_item_and_way_out(score: float) -> None:
    (item,) = batch_of(1)
    with pytest.raises(ReviewError) as error:
        counted(SCALE, item, Standing("done", 1, 4, score))
    said = str(error.value)
    assert said.startswith(
        f"Batch b1, item b1-00000 (case 'case-0'): its label 4 counts for {score:g}, which is no score"
    )
    assert "`steelyard review export b1 -o items.jsonl`" in said
    assert '"adjudicated": true' in said


def add(store: Store, form: Form, score: float) -> Batch:
    """A batch with an item whose label counts for this."""
    batch = Batch("b1", NOW, "e", form)
    store.review.add_batch(batch, batch_of(1))
    store.review.import_labels([Event(0, "label", "b1-00000", "ann", NOW, "k1", 5, score)], NOW)
    return batch


def test_the_way_out_is_one(store: Store) -> None:
    batch = add(store, SCALE, 5.0)
    (line,) = find_format("jsonl").write(exported(store.review, batch, unblind=False)).splitlines()
    mended = {**json.loads(line), "labels": [{"reviewer": "ann", "value": 5, "adjudicated": True}]}
    import_items(store.review, find_format("jsonl").read(json.dumps(mended)), NOW)
    (item,) = store.review.items("b1")
    assert counted(SCALE, item, store.review.standing(item.id)) == 1.0


def test_a_form_that_counts_wrongly_is_left_behind_with_its_batch(store: Store) -> None:
    batch = add(store, WRONG, 5.0)
    (item,) = store.review.items("b1")
    with pytest.raises(ReviewError, match="`steelyard review close b1`, export it, give each item another id"):
        counted(WRONG, item, store.review.standing(item.id))
    (line,) = find_format("jsonl").write(exported(store.review, batch, unblind=True)).splitlines()
    mended = {**json.loads(line), "item": "another", "form": asdict(SCALE)}
    import_items(store.review, find_format("jsonl").read(json.dumps(mended)), NOW)
    again = store.review.item("another")
    assert counted(SCALE, again, store.review.standing("another")) == 1.0
