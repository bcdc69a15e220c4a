import threading

import pytest

from harness.records.review import Batch
from harness.store import Store
from tests.review.conftest import SCALE, batch_of

pytestmark = pytest.mark.service


def test_an_item_that_is_drawn_while_others_read_is_never_without_its_standing(store: Store) -> None:
    store.review.add_batch(Batch("b1", 1.0, "suites/test_s.py::test_s", SCALE), [])
    drawn = batch_of(150)

    def draw() -> None:
        for item in drawn:
            store.review.extend("b1", [item])

    drawing = threading.Thread(target=draw)
    drawing.start()
    n_seen = -1
    while n_seen < len(drawn):
        is_over = not drawing.is_alive()
        items, standings = store.review.items_and_standings("b1")
        assert [item.id for item in items] == list(standings)
        assert len(items) >= n_seen
        n_seen = len(drawn) if is_over else len(items)
    drawing.join()
    assert len(items) == len(drawn)
