"""Items of a run come with all that reviewing and deciding take."""

import pytest

from harness.statistics.labels.draws import Draw
from harness.store import Store
from tests.review import runs
from tests.review.conftest import SCALE

pytestmark = pytest.mark.service


def test_items_come_with_what_was_asked_who_judged_and_their_draw(store: Store) -> None:
    batch = runs.add_batch(store, runs.add_run(store), SCALE, wanted=2)
    items = store.review.items(batch.id)
    assert [item.position for item in items] == list(range(len(items)))
    assert len({item.id for item in items}) == len({item.case_id for item in items}) == len(items) > 15
    cases = sorted(f"case-{number}" for number in range(30))
    for item in items:
        number = item.case_id.removeprefix("case-")
        assert item.messages == ({"role": "user", "content": f"Summarise passage {number}."},)
        (answer,) = item.answers
        assert (answer.version, answer.fingerprint, answer.sample_index) == ("small", "f0", 0)
        assert store.find([answer.sample_key or b""])[answer.sample_key or b""][0].text == answer.text
        assert (item.judge_score, item.wanted) == ((int(number) % 3) / 2, 2)
        stored = dict(item.draw or {})
        assert stored.pop("version") == 0
        draw = Draw.restored(stored)
        assert draw.case is not None
        assert (cases[draw.case], draw.probability, draw.judged) == (
            item.case_id,
            item.probability,
            (item.judge_score,),
        )
    store.prune(fingerprints=["f0", "f1"])
    assert store.review.items(batch.id) == items, "they outlive their samples"
